// SPDX-License-Identifier: Apache-2.0
#include "tools/tally/passphrase.h"

#include "core/base/file.h"
#include "core/crypto/sealed.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#define PASSPHRASE_MAX 1024

static enum err_code read_file(const char *path, struct buf *ret, struct err *err)
{
    struct stat info;
    if (stat(path, &info) == 0 && (info.st_mode & 077) != 0) {
        return err_set(err, ERR_DENIED, "%s can be read by others; chmod 600 it", path);
    }
    enum err_code code = file_read(path, ret, err);
    if (code == ERR_OK && ret->size > 0) {
        const uint8_t *end = memchr(ret->data, '\n', ret->size);
        ret->size = end == NULL ? ret->size : (size_t)(end - ret->data);
    }
    return code;
}

/* One line from the terminal into `ret`, without its end. */
static enum err_code read_line(int tty, const char *prompt, struct buf *ret, struct err *err)
{
    char byte = 0;
    if (write(tty, prompt, strlen(prompt)) < 0) {
        return err_set_errno(err, errno, "the terminal");
    }
    while (read(tty, &byte, 1) == 1 && byte != '\n') {
        buf_append_byte(ret, (uint8_t)byte);
    }
    (void)!write(tty, "\n", 1);
    return byte == '\n' ? buf_check(ret, err)
                        : err_set(err, ERR_INVALID, "no passphrase was entered");
}

static enum err_code read_terminal(bool confirm, struct buf *ret, struct err *err)
{
    struct buf again;
    struct termios before;
    int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (tty < 0) {
        return err_set(err, ERR_INVALID,
                       "there is no terminal to ask for a passphrase; use --passphrase-file");
    }
    buf_init(&again, PASSPHRASE_MAX);
    enum err_code code = ERR_OK;
    if (tcgetattr(tty, &before) != 0) {
        code = err_set_errno(err, errno, "the terminal");
        goto out;
    }
    struct termios silent = before;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    if (tcsetattr(tty, TCSAFLUSH, &silent) != 0) {
        code = err_set_errno(err, errno, "the terminal");
        goto out;
    }
    code = read_line(tty, confirm ? "New passphrase: " : "Passphrase: ", ret, err);
    if (code == ERR_OK && confirm) {
        code = read_line(tty, "Again: ", &again, err);
        if (code == ERR_OK && !bytes_equal(buf_bytes(ret), buf_bytes(&again))) {
            code = err_set(err, ERR_INVALID, "the two passphrases differ");
        }
    }
    (void)tcsetattr(tty, TCSAFLUSH, &before);
out:
    sealed_wipe(&again);
    close(tty);
    return code;
}

enum err_code passphrase_ask(const char *path, bool confirm, struct buf *ret, struct err *err)
{
    buf_init(ret, PASSPHRASE_MAX);
    enum err_code code =
        path != NULL ? read_file(path, ret, err) : read_terminal(confirm, ret, err);
    if (code == ERR_OK && ret->size == 0) {
        code = err_set(err, ERR_INVALID, "the passphrase is empty%s",
                       path != NULL ? "; it is the file's first line" : "");
    }
    return code;
}
