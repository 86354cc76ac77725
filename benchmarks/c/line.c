/* A timed serial line with Modbus slaves on it, for measuring masters.
 *
 *   line BAUD BITS PROC_US
 *
 * Opens a pseudo-terminal and prints the path of its other end. Every unit answers function 3. A request is taken to
 * begin when it can be read here; its characters then need their time. The slave waits 3.5 characters of silence,
 * works PROC_US, and answers; each character of the answer is handed over when its stop bit ends. Ends when standard
 * input does, and prints one JSON object about what it saw.
 *
 * A master that begins before the wire has been silent for 3.5 characters (1.75 ms above 19200 Bd) is counted and
 * answered all the same.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define MOST 200000
#define REQUEST 8
#define SPIN_NS 40000
#define FAST_BAUD 19200
#define FAST_GAP_NS 1750000

static int64_t begun[MOST];
static int64_t cycles[MOST];
static int64_t gaps[MOST];

static int64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Sleep most of the way, spin the rest: a timer alone wakes tens of microseconds late. */
static void until(int64_t moment)
{
    int64_t early = moment - SPIN_NS;
    if (early > now()) {
        struct timespec t = {early / 1000000000, early % 1000000000};
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
            ;
    }
    while (now() < moment)
        ;
}

static uint16_t crc16(const uint8_t *data, int size)
{
    uint16_t crc = 0xFFFF;
    for (int i = 0; i < size; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ 0xA001 : crc >> 1;
    }
    return crc;
}

static int ascending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int64_t part(int64_t *values, int count, double share)
{
    return count ? values[(int)((count - 1) * share)] : 0;
}

static int open_wire(int *keep)
{
    int wire = posix_openpt(O_RDWR | O_NOCTTY);
    if (wire < 0 || grantpt(wire) || unlockpt(wire))
        return -1;
    /* Held open, so that a master may come and go without hanging up. */
    *keep = open(ptsname(wire), O_RDWR | O_NOCTTY);
    if (*keep < 0)
        return -1;
    struct termios raw;
    tcgetattr(*keep, &raw);
    cfmakeraw(&raw);
    tcsetattr(*keep, TCSANOW, &raw);
    fcntl(wire, F_SETFL, O_NONBLOCK);
    return wire;
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    int baud = atoi(argv[1]);
    int64_t character = (int64_t)(atoi(argv[2]) * 1e9 / baud);
    int64_t work = atoll(argv[3]) * 1000;
    int64_t gap = baud > FAST_BAUD ? FAST_GAP_NS : character * 7 / 2;
    int keep, wire = open_wire(&keep);
    if (wire < 0) {
        perror("line");
        return 1;
    }
    printf("%s\n", ptsname(wire));
    fflush(stdout);

    uint8_t in[REQUEST], out[260], spill[256];
    int have = 0, requests = 0, violations = 0, damaged = 0, late = 0;
    int64_t silent_since = 0;
    struct pollfd watched[2] = {{wire, POLLIN, 0}, {0, POLLIN, 0}};
    for (;;) {
        if (poll(watched, 2, -1) < 0 && errno != EINTR)
            break;
        if (watched[1].revents)
            break;
        int64_t seen = now();
        int got = read(wire, in + have, REQUEST - have);
        if (got <= 0)
            continue;
        if (!have && requests < MOST) {
            if (requests)
                gaps[requests - 1] = seen - silent_since;
            if (requests && seen - silent_since < gap)
                violations++;
            begun[requests++] = seen;
        }
        have += got;
        if (have < REQUEST)
            continue;
        have = 0;
        if (crc16(in, REQUEST) || in[1] != 3) {
            damaged++;
            silent_since = seen + REQUEST * character;
            continue;
        }
        int count = in[4] << 8 | in[5], size = 3 + 2 * count;
        out[0] = in[0];
        out[1] = 3;
        out[2] = (uint8_t)(2 * count);
        for (int i = 0; i < count; i++) {
            out[3 + 2 * i] = (uint8_t)(requests >> 8);
            out[4 + 2 * i] = (uint8_t)(requests + i);
        }
        uint16_t crc = crc16(out, size);
        out[size++] = crc & 0xFF;
        out[size++] = crc >> 8;
        int64_t start = seen + REQUEST * character + gap + work;
        for (int sent = 0; sent < size;) {
            until(start + (sent + 1) * character);
            /* Where this program was kept from running, all that is due goes out at once, as from a UART's buffer. */
            int due = (int)((now() - start) / character);
            due = due > size ? size : due;
            if (due - sent > 1)
                late += due - sent - 1;
            if (write(wire, out + sent, due - sent) != due - sent)
                damaged++;
            sent = due;
        }
        silent_since = start + size * character;
        /* Whoever spoke into the answer broke the rule; what he said is lost. */
        struct pollfd again = {wire, POLLIN, 0};
        if (poll(&again, 1, 0) > 0 && now() < silent_since + gap && read(wire, spill, sizeof spill) > 0)
            violations++;
    }
    int count = requests > 1 ? requests - 1 : 0;
    for (int i = 0; i < count; i++)
        cycles[i] = begun[i + 1] - begun[i];
    qsort(cycles, count, sizeof *cycles, ascending);
    qsort(gaps, count, sizeof *gaps, ascending);
    printf("{\"requests\": %d, \"violations\": %d, \"damaged\": %d, \"late\": %d, \"cycle_us\": %.1f, "
           "\"cycle_p95_us\": %.1f, \"gap_us\": %.1f, \"least_gap_us\": %.1f}\n",
           requests, violations, damaged, late, part(cycles, count, 0.5) / 1e3, part(cycles, count, 0.95) / 1e3,
           part(gaps, count, 0.5) / 1e3, part(gaps, count, 0) / 1e3);
    return 0;
}
