package disk

import "golang.org/x/sys/unix"

const noAttribute = unix.ENOATTR
