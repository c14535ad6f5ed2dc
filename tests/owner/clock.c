/*
 * Another time of the day, for every program that this is loaded into: off by the seconds that
 * CLOCK tells.  To write other seconds into it sets the clock of all of them, as NTP would.
 *
 * The clocks that only go on, by which programs wait, stay as they are; as do the times of files,
 * which are the kernel's.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define CLOCK "/etc/clock"

static const char *told;

__attribute__((constructor)) static void look(void)
{
    int clock = open(CLOCK, O_RDONLY | O_CLOEXEC);
    if (clock < 0)
        return;
    void *found = mmap(NULL, 16, PROT_READ, MAP_SHARED, clock, 0);
    close(clock);
    if (found != MAP_FAILED)
        told = found;
}

static time_t off(void)
{
    return told ? atol(told) : 0;
}

/* A moment as the kernel knows it; those since the boot are small, and "never" is large. */
static struct timespec real(const struct timespec *at)
{
    struct timespec found = *at;
    if (at->tv_sec > 1000000000 && at->tv_sec < 100000000000)
        found.tv_sec -= off();
    return found;
}

int clock_gettime(clockid_t clock, struct timespec *at)
{
    int failed = syscall(SYS_clock_gettime, clock, at);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        at->tv_sec += off();
    return failed;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone)
{
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    at->tv_sec = now.tv_sec;
    at->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *at)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at)
        *at = now.tv_sec;
    return now.tv_sec;
}

int timespec_get(struct timespec *at, int base)
{
    return clock_gettime(CLOCK_REALTIME, at) ? 0 : base;
}

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *at, struct timespec *left)
{
    struct timespec until = flags & TIMER_ABSTIME ? real(at) : *at;
    return syscall(SYS_clock_nanosleep, clock, flags, &until, left) ? errno : 0;
}

int timerfd_settime(int timer, int flags, const struct itimerspec *at, struct itimerspec *before)
{
    struct itimerspec until = *at;
    if (flags & TFD_TIMER_ABSTIME)
        until.it_value = real(&at->it_value);
    return syscall(SYS_timerfd_settime, timer, flags, &until, before);
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int pthread_cond_timedwait(pthread_cond_t *restrict it, pthread_mutex_t *restrict lock,
                           const struct timespec *restrict at)
{
    struct timespec until = real(at);
    return NEXT(pthread_cond_timedwait)(it, lock, &until);
}

int pthread_mutex_timedlock(pthread_mutex_t *restrict it, const struct timespec *restrict at)
{
    struct timespec until = real(at);
    return NEXT(pthread_mutex_timedlock)(it, &until);
}

int sem_timedwait(sem_t *restrict it, const struct timespec *restrict at)
{
    struct timespec until = real(at);
    return NEXT(sem_timedwait)(it, &until);
}
