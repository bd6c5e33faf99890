/* Preloaded into redis-server: its wall clock is ahead by the ms that the file LEAP_IN_TIME holds, as 8 bytes. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { NS_PER_MS = 1000000, NS_PER_SECOND = 1000000000 };

static const volatile int64_t *ahead_ms;

__attribute__((constructor)) static void open_clock(void) {
    const char *path = getenv("LEAP_IN_TIME");
    int file = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) abort();
    ahead_ms = (const volatile int64_t *)mmap(NULL, sizeof *ahead_ms, PROT_READ, MAP_SHARED, file, 0);
    if (ahead_ms == MAP_FAILED) abort();
    close(file);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    static int (*read_clock)(clockid_t, struct timespec *);
    if (read_clock == NULL) read_clock = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int result = read_clock(clock, now);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) && ahead_ms != NULL) {
        int64_t ns = now->tv_nsec + *ahead_ms % 1000 * NS_PER_MS;
        now->tv_sec += *ahead_ms / 1000 + ns / NS_PER_SECOND;
        now->tv_nsec = ns % NS_PER_SECOND;
        if (now->tv_nsec < 0) {
            now->tv_nsec += NS_PER_SECOND;
            now->tv_sec -= 1;
        }
    }
    return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec read;
    (void)zone;
    int result = clock_gettime(CLOCK_REALTIME, &read);
    now->tv_sec = read.tv_sec;
    now->tv_usec = read.tv_nsec / 1000;
    return result;
}

time_t time(time_t *now) {
    struct timespec read;
    clock_gettime(CLOCK_REALTIME, &read);
    if (now != NULL) *now = read.tv_sec;
    return read.tv_sec;
}
