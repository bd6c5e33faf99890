/* Preloaded into redis-server: notes how much of each file is safe from a power cut.
 *
 * After every fsync or fdatasync that succeeds, one record of two 64-bit integers is appended to the file that
 * DURABLE_SIZES names: the inode, and the size that it had when the call began. Everything written before that moment
 * is on disk; what another thread wrote meanwhile may not be. The records outlive a SIGKILL of the process, because
 * the page cache does: that is why SIGKILL alone is no test of durability.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct record {
    uint64_t inode;
    uint64_t size;
};

static int notes = -1;

__attribute__((constructor)) static void open_notes(void) {
    const char *path = getenv("DURABLE_SIZES");
    if (path != NULL) notes = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (notes < 0) abort();
}

static int sync_and_note(const char *name, int file) {
    int (*sync_file)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    struct stat before;
    int known = fstat(file, &before) == 0;
    int result = sync_file(file);
    if (result == 0 && known) {
        struct record record = {before.st_ino, (uint64_t)before.st_size};
        if (write(notes, &record, sizeof record) != sizeof record) abort();
    }
    return result;
}

int fsync(int file) { return sync_and_note("fsync", file); }

int fdatasync(int file) { return sync_and_note("fdatasync", file); }
