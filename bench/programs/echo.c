/* The limit of a UDP server on this machine: an echo that receives and sends 64 datagrams per system call. Linux. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { BATCH = 64, BYTES_MAX = 2048 };

int main(int count, char **words) {
  static struct mmsghdr messages[BATCH];
  static struct iovec parts[BATCH];
  static struct sockaddr_in names[BATCH];
  static char bytes[BATCH][BYTES_MAX];
  struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int buffer = 4 << 20;
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (count != 2) return 2;
  here.sin_port = htons((uint16_t)atoi(words[1]));
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
  if (bind(fd, (struct sockaddr *)&here, sizeof here) != 0) return 1;
  for (;;) {
    for (int at = 0; at < BATCH; at++) {
      parts[at] = (struct iovec){bytes[at], BYTES_MAX};
      messages[at].msg_hdr = (struct msghdr){&names[at], sizeof names[at], &parts[at], 1, 0, 0, 0};
    }
    int received = recvmmsg(fd, messages, BATCH, MSG_WAITFORONE, 0);
    for (int at = 0; at < received; at++) parts[at].iov_len = messages[at].msg_len;
    if (received > 0) sendmmsg(fd, messages, (unsigned)received, 0);
  }
}
