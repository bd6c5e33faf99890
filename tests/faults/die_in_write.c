/* Preloaded into redis-server: kills it in the middle of a write(2) to its log, as a fatal signal does.
 *
 * The file that DIE_IN_WRITE names holds a number n when the server starts: each write of more than a few bytes to
 * an append-only file ends at a random byte with a probability of 1 in n, and the process with it; 0 is never.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LEAST_BYTES = 64 };

static long odds = 0;
static unsigned seed;

__attribute__((constructor)) static void read_odds(void) {
    const char *path = getenv("DIE_IN_WRITE");
    char text[16] = {0};
    int file = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || read(file, text, sizeof text - 1) < 1) abort();
    close(file);
    odds = atol(text);
    seed = (unsigned)getpid();
}

static int is_log(int file) {
    char link[64], path[512];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return strstr(path, ".incr.aof") != NULL;
}

ssize_t write(int file, const void *bytes, size_t size) {
    static ssize_t (*write_file)(int, const void *, size_t);
    if (write_file == NULL) write_file = (ssize_t(*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
    if (odds > 0 && size >= LEAST_BYTES && rand_r(&seed) % odds == 0 && is_log(file)) {
        write_file(file, bytes, 1 + (size_t)rand_r(&seed) % (size - 1));
        kill(getpid(), SIGKILL);
    }
    return write_file(file, bytes, size);
}
