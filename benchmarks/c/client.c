/* A Modbus master on libmodbus, for comparison.
 *
 *   client tcp PORT COUNT SECONDS
 *   client rtu PATH BAUD GAP_US UNITS COUNT SECONDS
 *
 * Reads COUNT holding registers again and again and prints one JSON object: polls, failures, CPU and wall seconds.
 * GAP_US is the silence kept here around libmodbus' calls, which keeps none itself; 0 leaves it as it is.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <modbus.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static int64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static double cpu(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    int rtu = argc == 8 && !strcmp(argv[1], "rtu");
    if (!rtu && argc != 5)
        return 2;
    modbus_t *context =
        rtu ? modbus_new_rtu(argv[2], atoi(argv[3]), 'N', 8, 2) : modbus_new_tcp("127.0.0.1", atoi(argv[2]));
    int64_t gap = rtu ? atoll(argv[4]) * 1000 : 0;
    int units = rtu ? atoi(argv[5]) : 1;
    int count = atoi(argv[rtu ? 6 : 3]);
    double seconds = atof(argv[rtu ? 7 : 4]);
    modbus_set_slave(context, 1);
    if (modbus_connect(context)) {
        fprintf(stderr, "client: %s\n", modbus_strerror(errno));
        return 1;
    }
    uint16_t values[125];
    int polls = 0, failures = 0, warm = rtu ? 2 : 200;
    int64_t start = 0, end = now() + gap;
    double used = 0;
    for (int i = 0;; i++) {
        if (i == warm) {
            start = now();
            used = cpu();
            polls = failures = 0;
        }
        if (start && now() - start >= seconds * 1e9)
            break;
        modbus_set_slave(context, 1 + i % units);
        if (gap) {
            int64_t moment = end + gap;
            struct timespec t = {moment / 1000000000, moment % 1000000000};
            while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
                ;
        }
        if (modbus_read_registers(context, 0, count, values) == count)
            polls++;
        else
            failures++;
        end = now();
    }
    printf("{\"polls\": %d, \"failures\": %d, \"cpu\": %.6f, \"wall\": %.6f}\n", polls, failures, cpu() - used,
           (now() - start) / 1e9);
    return 0;
}
