"""Becomes another user and then another program: `as_user.py USER PROGRAM [ARGUMENT ...]`. Standard library only.

`subprocess` can change the user itself, but then it has to copy the whole process first, and a process with gRPC's
threads in it (a dynamic provider) does not survive that reliably.
"""

import os
import pwd
import sys

if __name__ == "__main__":
    entry = pwd.getpwnam(sys.argv[1])
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606  # why: becoming the program is this file's purpose
