// glibc's mallopt, whose constants are macros.

#include <malloc.h>

void iris_return_large_blocks(int from_bytes) {
#ifdef M_MMAP_THRESHOLD
    mallopt(M_MMAP_THRESHOLD, from_bytes);
#else
    (void)from_bytes;
#endif
}
