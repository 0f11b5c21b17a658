"""Runs a command in a pseudo terminal: pseudo-terminal.py COLUMNS COMMAND [ARGUMENT...]

Stdin is what is typed, and its end hangs the terminal up. Stdout is what the terminal shows. What the command writes to
its own stdout goes to file descriptor 3. Ends with the command's exit code, or 128 and the number of its signal.
"""

import fcntl
import os
import pty
import select
import struct
import sys
import termios

columns, command = int(sys.argv[1]), sys.argv[2:]
pid, terminal = pty.fork()
if pid == 0:
    os.dup2(3, 1)
    os.close(3)
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    os.execvp(command[0], command)
os.close(3)
sources = [0, terminal]
while terminal in sources:
    for source in select.select(sources, [], [])[0]:
        try:
            data = os.read(source, 65536)
        except OSError:
            # The last process that had the terminal open has ended.
            data = b""
        if source == terminal:
            if not data:
                sources.remove(terminal)
            os.write(1, data)
        elif data:
            os.write(terminal, data)
        else:
            sources = []
            os.close(terminal)
            break
_, status = os.waitpid(pid, 0)
sys.exit(os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))
