// SPDX-License-Identifier: Apache-2.0
#include "tools/tally/passphrase.h"

#include "core/crypto/sealed.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

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
    sealed_passphrase_init(&again);
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
    if (path != NULL) {
        return sealed_passphrase_read(path, ret, err);
    }
    sealed_passphrase_init(ret);
    enum err_code code = read_terminal(confirm, ret, err);
    if (code == ERR_OK && ret->size == 0) {
        code = err_set(err, ERR_INVALID, "the passphrase is empty");
    }
    return code;
}
