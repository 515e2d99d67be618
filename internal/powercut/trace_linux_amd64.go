package powercut

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Refusal says why power cannot be cut here; empty when it can.
const Refusal = ""

// become turns this process into the program, of which every call that changes files is
// reported to the tracer.
func become(program string) error {
	runtime.LockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	load := unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS} // the call's number
	code := []unix.SockFilter{load}
	for i, nr := range watched {
		code = append(code, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: nr,
			Jt: uint8(len(watched) - i)})
	}
	ret := func(what uint32) unix.SockFilter { return unix.SockFilter{Code: unix.BPF_RET, K: what} }
	code = append(code, ret(unix.SECCOMP_RET_ALLOW), ret(unix.SECCOMP_RET_TRACE))
	filter := unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]}
	if _, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0,
		uintptr(unsafe.Pointer(&filter))); errno != 0 {
		return fmt.Errorf("filter calls: %w", errno)
	}
	var env []string
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, cutEnv) {
			env = append(env, pair)
		}
	}
	return syscall.Exec(program, append([]string{program}, os.Args[1:]...), env)
}

// tracer watches one program.
type tracer struct {
	cut    Cut
	roots  []string
	main   int
	count  int
	last   string // what the last change was
	seen   map[int]bool
	medium medium
}

// watch runs the program, and ends this process as the program ended.
func watch(c Cut, program string) error {
	runtime.LockOSThread() // a tracer is one thread
	t := &tracer{cut: c, seen: map[int]bool{}, medium: medium{inodes: map[key]*inode{},
		graves: map[string]int{}, random: rand.New(rand.NewPCG(c.Seed, uint64(c.At)))}}
	for _, root := range c.Roots {
		real, err := filepath.EvalSymlinks(root)
		if err != nil {
			return err
		}
		t.roots = append(t.roots, real)
		defer os.RemoveAll(real + ".powercut")
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	t.main, err = syscall.ForkExec(self, os.Args, &syscall.ProcAttr{Files: []uintptr{0, 1, 2},
		Env: append(os.Environ(), castEnv+"="+program), Sys: &syscall.SysProcAttr{Ptrace: true}})
	if err != nil {
		return err
	}
	signals := make(chan os.Signal, 4) // of those that end a program few come
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT)
	go func() {
		for s := range signals {
			_ = syscall.Kill(t.main, s.(syscall.Signal)) // it may be gone already
		}
	}()
	ended, err := t.run()
	if err != nil {
		return errors.Join(err, t.kill())
	}
	for root := range t.medium.graves {
		err = errors.Join(err, os.RemoveAll(root+".powercut"))
	}
	if err != nil {
		return err
	}
	end(ended)
	return nil
}

// end ends this process in the way that another ended.
func end(status unix.WaitStatus) {
	if status.Signaled() {
		signal.Reset()
		_ = syscall.Kill(os.Getpid(), status.Signal())
		select {} // it may take a moment
	}
	os.Exit(status.ExitStatus())
}

// kill ends the program and waits until nothing of it is left.
func (t *tracer) kill() error {
	if err := unix.Kill(t.main, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
		return err
	}
	for {
		var status unix.WaitStatus
		_, err := unix.Wait4(-1, &status, unix.WALL, nil)
		if errors.Is(err, unix.ECHILD) {
			return nil
		}
		if err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

func (t *tracer) run() (ended unix.WaitStatus, err error) {
	for first := true; ; {
		tid, err := unix.Wait4(-1, &ended, unix.WALL, nil)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return ended, err
		case ended.Exited() || ended.Signaled():
			if tid == t.main {
				fmt.Fprintf(os.Stderr, "powercut: %d changes\n", t.count)
				return ended, nil
			}
			continue
		}
		send := 0
		switch why := ended.StopSignal(); {
		case first:
			first = false
			t.seen[tid] = true
			err = unix.PtraceSetOptions(tid, unix.PTRACE_O_TRACESECCOMP|unix.PTRACE_O_TRACECLONE|
				unix.PTRACE_O_TRACEFORK|unix.PTRACE_O_TRACEVFORK|unix.PTRACE_O_TRACEEXEC|
				unix.PTRACE_O_EXITKILL|unix.PTRACE_O_TRACESYSGOOD)
		case why == unix.SIGTRAP && ended.TrapCause() == unix.PTRACE_EVENT_SECCOMP:
			if gone, err := t.call(tid); gone || err != nil {
				return unix.WaitStatus(unix.SIGKILL), err
			}
		case why == unix.SIGTRAP, why == unix.SIGTRAP|0x80:
		case why == unix.SIGSTOP && !t.seen[tid]: // a thread that begins
		default:
			send = int(why)
		}
		t.seen[tid] = true
		if err == nil {
			err = unix.PtraceCont(tid, send)
		}
		if err != nil && !errors.Is(err, unix.ESRCH) {
			return ended, err
		}
	}
}

// call looks at a call about to be made, lets it be made while all others wait, and notes
// what came of it. It reports whether the power is gone.
func (t *tracer) call(tid int) (gone bool, err error) {
	var regs unix.PtraceRegs
	if err := unix.PtraceGetRegs(tid, &regs); err != nil {
		return false, alive(err)
	}
	c := call{t: t, tid: tid, nr: regs.Orig_rax,
		args: [6]uint64{regs.Rdi, regs.Rsi, regs.Rdx, regs.R10, regs.R8, regs.R9}}
	after, err := c.before()
	if err != nil {
		return false, fmt.Errorf("call %d %x: %w", c.nr, c.args, err)
	}
	if after == nil {
		return false, nil
	}
	if t.count++; t.count == t.cut.At {
		return true, t.powerless(c)
	}
	result, err := t.finish(tid)
	if err != nil {
		return false, alive(err)
	}
	if err := after(result); err != nil {
		return false, fmt.Errorf("after call %d %x = %d: %w", c.nr, c.args, result, err)
	}
	t.last = fmt.Sprintf("call %d %x", c.nr, c.args)
	return false, nil
}

func alive(err error) error {
	if errors.Is(err, unix.ESRCH) {
		return nil // somebody killed it
	}
	return err
}

// finish lets a thread make its call and returns the result.
func (t *tracer) finish(tid int) (int64, error) {
	send := 0
	for {
		if err := unix.PtraceSyscall(tid, send); err != nil {
			return 0, err
		}
		var status unix.WaitStatus
		for {
			_, err := unix.Wait4(tid, &status, unix.WALL, nil)
			if err == nil {
				break
			}
			if !errors.Is(err, unix.EINTR) {
				return 0, err
			}
		}
		if !status.Stopped() {
			return 0, unix.ESRCH
		}
		send = 0
		if status.StopSignal() == unix.SIGTRAP|0x80 {
			var regs unix.PtraceRegs
			err := unix.PtraceGetRegs(tid, &regs)
			return int64(regs.Rax), err
		}
		if status.StopSignal() != unix.SIGTRAP {
			send = int(status.StopSignal())
		}
	}
}

// powerless ends the program and takes away what was not durable.
func (t *tracer) powerless(c call) error {
	if err := t.kill(); err != nil {
		return err
	}
	chances := []float64{0, 0.5, 0.9, 1}
	files := chances[t.medium.random.IntN(4)]
	names := chances[t.medium.random.IntN(4)]
	sectors, err := t.medium.lose(files)
	if err != nil {
		return err
	}
	renamed, err := t.medium.loseNames(names)
	fmt.Fprintf(os.Stderr, "powercut: at change %d, call %d, after %s: lost %d of files, %d names\n",
		t.count, c.nr, t.last, sectors, renamed)
	return err
}
