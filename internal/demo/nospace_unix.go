//go:build unix

package main

import "syscall"

const errNoSpace = syscall.ENOSPC
