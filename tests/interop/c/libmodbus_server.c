/* A Modbus device made by libmodbus: tcp PORT or rtu PATH. The same device as servers/pymodbus_server.py, unit 1.
 *
 * Prints "serving" when it listens, "connect" for each TCP connection, and a line for each write it carries out.
 */
#include <errno.h>
#include <modbus/modbus.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BITS = 16, HOLDING = 17, INPUT = 3, HOLE_FIRST = 12, HOLE_LAST = 15 };

/* High word first. modbus_set_float_abcd gives another order in some versions of libmodbus. */
static void put_float(uint16_t *registers, float value) {
    uint32_t raw;
    memcpy(&raw, &value, sizeof raw);
    registers[0] = raw >> 16;
    registers[1] = raw & 0xFFFF;
}

static modbus_mapping_t *make_device(void) {
    modbus_mapping_t *map = modbus_mapping_new(BITS, BITS, HOLDING, INPUT);
    if (map == NULL) return NULL;
    map->tab_bits[0] = map->tab_bits[3] = map->tab_bits[5] = 1;
    map->tab_input_bits[1] = map->tab_input_bits[2] = 1;
    map->tab_registers[0] = 1234;
    map->tab_registers[1] = 0xFF85;
    put_float(map->tab_registers + 2, 230.5f);
    map->tab_registers[4] = 2;
    map->tab_registers[5] = 1;
    map->tab_registers[16] = 99;
    put_float(map->tab_input_registers, -40.25f);
    map->tab_input_registers[2] = 777;
    return map;
}

/* Function, address and count of a request; the count of a single write is 1. */
static void parse(const uint8_t *pdu, int *function, int *address, int *count) {
    *function = pdu[0];
    *address = MODBUS_GET_INT16_FROM_INT8(pdu, 1);
    *count = *function == 5 || *function == 6 || *function == 22 ? 1 : MODBUS_GET_INT16_FROM_INT8(pdu, 3);
}

static void tell_of_write(const modbus_mapping_t *map, int function, int address, int count) {
    int bits = function == 5 || function == 15;
    if (!bits && function != 6 && function != 16 && function != 22) return;
    printf("write %d %d ", function, address);
    for (int i = 0; i < count; i++) {
        int value = bits ? map->tab_bits[address + i] : map->tab_registers[address + i];
        printf("%s%d", i ? "," : "", value);
    }
    printf("\n");
}

/* Answers requests until the line is gone. */
static void converse(modbus_t *context, modbus_mapping_t *map) {
    uint8_t request[MODBUS_MAX_ADU_LENGTH];
    for (;;) {
        int length = modbus_receive(context, request);
        if (length == -1 && (errno == EBADF || errno == ECONNRESET || errno == EIO || errno == ENXIO)) return;
        if (length <= 0) continue; /* damaged, or for another unit */
        int function, address, count;
        parse(request + modbus_get_header_length(context), &function, &address, &count);
        int registers = function == 3 || function == 6 || function == 16;
        if (registers && address <= HOLE_LAST && address + count > HOLE_FIRST) {
            modbus_reply_exception(context, request, MODBUS_EXCEPTION_ILLEGAL_DATA_ADDRESS);
            continue;
        }
        if (modbus_reply(context, request, length, map) == -1) return;
        tell_of_write(map, function, address, count);
    }
}

static int serve_tcp(int port) {
    modbus_t *context = modbus_new_tcp("127.0.0.1", port);
    modbus_mapping_t *map = make_device();
    int listener = context == NULL ? -1 : modbus_tcp_listen(context, 1);
    if (listener == -1 || map == NULL) return fprintf(stderr, "%s\n", modbus_strerror(errno)), 1;
    printf("serving\n");
    while (modbus_tcp_accept(context, &listener) != -1) {
        printf("connect\n");
        converse(context, map);
        modbus_close(context);
    }
    return 1;
}

static int serve_rtu(const char *path) {
    modbus_t *context = modbus_new_rtu(path, 19200, 'N', 8, 2);
    modbus_mapping_t *map = make_device();
    if (context == NULL || map == NULL) return 1;
    modbus_set_slave(context, 1);
    if (modbus_connect(context) == -1) return fprintf(stderr, "%s\n", modbus_strerror(errno)), 1;
    printf("serving\n");
    converse(context, map);
    return 0;
}

int main(int argc, char **argv) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc == 3 && strcmp(argv[1], "tcp") == 0) return serve_tcp(atoi(argv[2]));
    if (argc == 3 && strcmp(argv[1], "rtu") == 0) return serve_rtu(argv[2]);
    fprintf(stderr, "usage: libmodbus_server tcp PORT | rtu PATH\n");
    return 2;
}
