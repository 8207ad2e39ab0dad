// Rust cannot take a C va_list, whose form differs from machine to machine: FFmpeg's callback is made of it here, and
// hands on the finished line. What becomes of the line is decided in log.rs.

#include <stdarg.h>

// As in libavutil/log.h, so that no header need be found.
void av_log_set_callback(void (*callback)(void *, int, const char *, va_list));
int av_log_format_line2(void *source, int level, const char *format, va_list args, char *line, int size, int *prefix);

static int least;
static void (*forward)(int level, const char *line);

static void on_line(void *source, int level, const char *format, va_list args) {
    char line[1024];
    int prefix = 1;
    // The bits above are a tint for terminals. A higher level is less grave.
    level &= 0xff;
    if (level <= least && av_log_format_line2(source, level, format, args, line, sizeof line, &prefix) >= 0)
        forward(level, line);
}

// From now on lines of this level and graver ones are handed to `to`, on whatever thread they come up. Call it once.
void iris_forward_log(int level, void (*to)(int level, const char *line)) {
    least = level;
    forward = to;
    av_log_set_callback(on_line);
}
