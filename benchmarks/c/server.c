/* A Modbus TCP server on libmodbus, for measuring clients.
 *
 *   server
 *
 * Listens on a port of 127.0.0.1 that the kernel chooses and prints its number. Serves any number of connections one
 * request at a time; registers count up with every request. Ends when standard input does.
 */
#include <modbus.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST 128
#define REGISTERS 4096

int main(void)
{
    modbus_t *context = modbus_new_tcp("127.0.0.1", 0);
    modbus_mapping_t *registers = modbus_mapping_new(16, 16, REGISTERS, REGISTERS);
    int listening = modbus_tcp_listen(context, MOST);
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    if (listening < 0 || getsockname(listening, (struct sockaddr *)&address, &length)) {
        perror("server");
        return 1;
    }
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    struct pollfd watched[MOST] = {{0, POLLIN, 0}, {listening, POLLIN, 0}};
    int used = 2;
    uint8_t query[MODBUS_TCP_MAX_ADU_LENGTH];
    for (;;) {
        if (poll(watched, used, -1) < 0 || watched[0].revents)
            break;
        if (watched[1].revents && used < MOST) {
            int one = 1, peer = accept(listening, NULL, NULL);
            setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
            watched[used++] = (struct pollfd){peer, POLLIN, 0};
        }
        for (int i = 2; i < used; i++) {
            if (!watched[i].revents)
                continue;
            modbus_set_socket(context, watched[i].fd);
            int size = modbus_receive(context, query);
            if (size < 0) {
                close(watched[i].fd);
                watched[i--] = watched[--used];
                continue;
            }
            for (int r = 0; r < 125; r++)
                registers->tab_registers[r]++;
            modbus_reply(context, query, size, registers);
        }
    }
    return 0;
}
