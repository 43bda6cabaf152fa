/* A clock of its own for one process: what it takes for the time of day is shifted by as many seconds as stand in
 * the file PLUMBLINE_TEST_CLOCK, eight bytes in the order of this machine, read anew each time. What measures how
 * long something takes is left alone. Loaded by LD_PRELOAD; nothing here waits or locks. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *shift;
static int (*posix_timedwait)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
static int (*c11_timedwait)(cnd_t *, mtx_t *, const struct timespec *);

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("PLUMBLINE_TEST_CLOCK");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file >= 0) {
        void *mapped = mmap(NULL, sizeof *shift, PROT_READ, MAP_SHARED, file, 0);
        if (mapped != MAP_FAILED) shift = mapped;
        close(file);
    }
    posix_timedwait = dlsym(RTLD_NEXT, "pthread_cond_timedwait");
    c11_timedwait = dlsym(RTLD_NEXT, "cnd_timedwait");
}

static int64_t now(void) { return shift ? *shift : 0; }

int clock_gettime(clockid_t clock, struct timespec *time) {
    int failed = (int)syscall(SYS_clock_gettime, clock, time);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) time->tv_sec += now();
    return failed;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
    struct timespec found;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &found)) return -1;
    time->tv_sec = found.tv_sec;
    time->tv_usec = found.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *into) {
    struct timespec found = {0};
    clock_gettime(CLOCK_REALTIME, &found);
    if (into) *into = found.tv_sec;
    return found.tv_sec;
}

/* The kernel knows nothing of the shift. */
static struct timespec real(const struct timespec *shifted) {
    struct timespec time = *shifted;
    time.tv_sec -= now();
    return time;
}

int pthread_cond_timedwait(pthread_cond_t *restrict cond, pthread_mutex_t *restrict mutex,
                           const struct timespec *restrict until) {
    struct timespec at = real(until);
    return posix_timedwait(cond, mutex, &at);
}

int cnd_timedwait(cnd_t *restrict cond, mtx_t *restrict mutex, const struct timespec *restrict until) {
    struct timespec at = real(until);
    return c11_timedwait(cond, mutex, &at);
}
