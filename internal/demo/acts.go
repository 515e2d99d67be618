package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/shoal-sync/shoal/app/status"
)

// acts plays everything, and returns nil only when the folders are as they must be.
func (s *stage) acts() error {
	s.screen.say("", "")
	s.screen.say("", s.screen.bold("shoal")+": three devices on this machine keep one folder the same")
	s.screen.say("", "")
	for _, play := range []func() error{
		s.makeTree, s.startDevices, s.linkDevices, s.spread, s.bothWays, s.conflict, s.verify,
	} {
		if err := s.outcome(s.ctx.Err()); err != nil {
			return err
		}
		if err := play(); err != nil {
			return s.outcome(err)
		}
	}
	return nil
}

func (s *stage) laptop() *device  { return s.devices[0] }
func (s *stage) desktop() *device { return s.devices[1] }
func (s *stage) server() *device  { return s.devices[2] }

func (s *stage) makeTree() error {
	began := time.Now()
	s.waiting("making a tree")
	if err := grow(s.laptop().folder(), s.options); err != nil {
		return fmt.Errorf("make a tree: %w", err)
	}
	found, err := survey(s.laptop().folder())
	if err != nil {
		return fmt.Errorf("read the tree: %w", err)
	}
	s.want = found[0]
	s.screen.done("made a real tree: "+s.want.tally().String(), seconds(time.Since(began)))
	return nil
}

func (t tally) String() string {
	return fmt.Sprintf("%s, %s directories, %s links, %s", status.Files(int64(t.files)),
		status.Count(int64(t.directories)), status.Count(int64(t.links)), status.Bytes(t.bytes))
}

func (s *stage) startDevices() error {
	began := time.Now()
	err := s.each(func(d *device) error { return d.start(s.ctx, s.lost) })
	if err != nil {
		return err
	}
	s.screen.done("started "+listed(cast)+": a process and a home each", seconds(time.Since(began)))
	return nil
}

// lost ends everything when an agent ended by itself.
func (s *stage) lost(err error) { s.stop(err) }

// linkDevices tells every device of every other one, and waits until all are connected.
func (s *stage) linkDevices() error {
	began := time.Now()
	err := s.each(func(d *device) error {
		for _, o := range s.others(d) {
			err := d.ask(s.ctx, nil, "device", "add", o.id, "--address", "tcp://"+o.listen,
				"--name", o.name)
			if err != nil {
				return err
			}
		}
		return s.connected(d)
	})
	if err != nil {
		return err
	}
	s.screen.done("linked each with each, by their ids", seconds(time.Since(began)))
	return nil
}

func (s *stage) connected(d *device) error {
	tick := time.NewTicker(30 * time.Millisecond)
	defer tick.Stop()
	late := time.NewTimer(s.options.patience)
	defer late.Stop()
	for {
		v, err := d.status(s.ctx)
		if err != nil {
			return err
		}
		linked := 0
		for _, o := range v.Devices {
			if o.Connected {
				linked++
			}
		}
		if linked == len(s.devices)-1 {
			return nil
		}
		select {
		case <-tick.C:
		case <-s.ctx.Done():
			return s.ctx.Err()
		case <-late.C:
			return fmt.Errorf("%s is connected with %d of %d devices after %s", d.name, linked,
				len(s.devices)-1, s.options.patience)
		}
	}
}

// spread shares the laptop's folder with the others, which have nothing yet.
func (s *stage) spread() error {
	s.screen.title("laptop shares its folder, desktop and server join it")
	began := time.Now()
	err := s.watched(func() error {
		var made struct{ ID string }
		if err := s.laptop().ask(s.ctx, &made, "folder", "add", s.laptop().folder(),
			"--name", "demo"); err != nil {
			return err
		}
		s.folder = made.ID
		err := s.each(func(d *device) error { return s.join(d) })
		if err != nil {
			return err
		}
		if err := s.rescan(s.laptop()); err != nil {
			return err
		}
		return s.equal(s.devices...)
	})
	if err != nil {
		return err
	}
	took := time.Since(began)
	if err := s.fresh(); err != nil {
		return err
	}
	t := s.want.tally()
	s.screen.done(fmt.Sprintf("all three hold the same %s, %s", status.Files(int64(t.files)),
		status.Bytes(t.bytes)), seconds(took))
	var sent []string
	for _, d := range s.devices {
		sent = append(sent, fmt.Sprintf("%s %s", d.name, status.Bytes(d.traffic().out)))
	}
	s.screen.say("", s.screen.dim("  everybody passes on what it has; sent by "+strings.Join(sent, ", ")))
	return nil
}

// join makes a device keep the folder and share it with the others.
func (s *stage) join(d *device) error {
	if d != s.laptop() {
		if err := d.ask(s.ctx, nil, "folder", "add", d.folder(), "--id", s.folder,
			"--name", "demo"); err != nil {
			return err
		}
	}
	for _, o := range s.others(d) {
		if err := d.ask(s.ctx, nil, "folder", "share", s.folder, o.id); err != nil {
			return err
		}
	}
	return nil
}

// bothWays changes much on two devices at the same time.
func (s *stage) bothWays() error {
	s.screen.title("desktop and server both change the folder, at the same time")
	before := s.sent()
	moving := s.largestPart()
	files := s.want.under(sourceDir)
	inside := s.want.under(moving)
	outside := without(files, moving)
	n := min(40, len(outside)/4)
	picked := spreadOut(outside, 3*n)

	server := newHands(s.server(), s.want)
	server.edit(spreadOut(inside, 5)...)
	server.edit(picked[:n]...)
	server.remove(picked[n : 2*n]...)
	server.remove(oldDir)
	server.oddChanges()
	desktop := newHands(s.desktop(), s.want)
	desktop.edit(picked[2*n:]...)
	desktop.create("new here/日記 %d.txt", 30)
	desktop.insert(bigFile, 1000)
	desktop.move(moving, "moved/away")
	if err := errors.Join(server.err, desktop.err); err != nil {
		return fmt.Errorf("change the folder: %w", err)
	}
	began := time.Now()
	err := s.watched(func() error {
		if err := s.rescan(s.desktop(), s.server()); err != nil {
			return err
		}
		return s.equal(s.devices...)
	})
	if err != nil {
		return err
	}
	took := time.Since(began)
	if err := s.fresh(); err != nil {
		return err
	}
	say := func(text string) { s.screen.say("", s.screen.dim("  "+text)) }
	say(fmt.Sprintf("desktop: edited %d files, made %d, put 1,000 bytes into the middle of the big one",
		desktop.edited, desktop.made))
	say(fmt.Sprintf("desktop: moved a directory with %s elsewhere", status.Files(int64(len(inside)))))
	say(fmt.Sprintf("server:  edited %d files, %d of them inside what desktop moved meanwhile",
		server.edited, min(5, len(inside))))
	say(fmt.Sprintf("server:  deleted %d files and a directory, changed a mode and a link", n))
	s.screen.done("all of it reached all three; travelled: "+status.Bytes(s.sent()-before)+
		" in all", seconds(took))
	return nil
}

// largestPart is the directory below source that holds the most files, but not most of
// all files.
func (s *stage) largestPart() string {
	counts := map[string]int{}
	files := s.want.under(sourceDir)
	for _, p := range files {
		if part, _, deeper := strings.Cut(p[len(sourceDir)+1:], "/"); deeper {
			counts[sourceDir+"/"+part]++
		}
	}
	best := ""
	for part, n := range counts {
		if n <= len(files)/2 && (n > counts[best] || n == counts[best] && part < best) {
			best = part
		}
	}
	return best
}

// without leaves out what is below a directory.
func without(paths []string, dir string) (out []string) {
	for _, p := range paths {
		if !strings.HasPrefix(p, dir+"/") {
			out = append(out, p)
		}
	}
	return out
}

// spreadOut picks n of the paths, evenly.
func spreadOut(paths []string, n int) (out []string) {
	n = min(n, len(paths))
	for i := range n {
		out = append(out, paths[i*len(paths)/n])
	}
	return out
}

// conflict makes two devices that cannot talk change the same file.
func (s *stage) conflict() error {
	s.screen.title("server's agent is killed; one file is changed on desktop and on server")
	if err := s.server().halt(os.Kill); err != nil {
		return err
	}
	versions := map[*device]string{
		s.desktop(): "# Plan\n\nMeet at ten, says the desktop.\n",
		s.server():  "# Plan\n\nMeet at eight, says the server.\n",
	}
	var hands []*hands
	for d, text := range versions {
		h := newHands(d, ledger{})
		h.write(planFile, text)
		hands = append(hands, h)
	}
	if err := errors.Join(hands[0].err, hands[1].err); err != nil {
		return err
	}
	began := time.Now()
	err := s.watched(func() error {
		if err := s.rescan(s.desktop()); err != nil {
			return err
		}
		if err := s.equal(s.laptop(), s.desktop()); err != nil {
			return err
		}
		if err := s.server().start(s.ctx, s.lost); err != nil {
			return err
		}
		if err := s.rescan(s.server()); err != nil {
			return err
		}
		return s.equal(s.devices...)
	})
	if err != nil {
		return err
	}
	took := time.Since(began)
	copied, err := s.bothKept(hands)
	if err != nil {
		return err
	}
	s.screen.say("", s.screen.dim("  "+planFile))
	s.screen.say("", s.screen.dim("  "+copied))
	s.screen.done("server is back, and all three keep both versions", seconds(took))
	return s.fresh()
}

// idleMax is far more than devices that hold the same have to say to each other while the
// disks are read: they only ask whether the other one is there.
const idleMax = 1 << 20

// verify compares what is on the disks with the ledger, without asking any agent.
func (s *stage) verify() error {
	s.screen.title("what is on the three disks, read and hashed by the demo itself")
	began := time.Now()
	s.waiting("reading and hashing")
	before := s.sent()
	var roots []string
	for _, d := range s.devices {
		roots = append(roots, d.folder())
	}
	found, err := survey(roots...)
	if err != nil {
		return fmt.Errorf("read the folders: %w", err)
	}
	var wrong []string
	for i, d := range s.devices {
		wrong = append(wrong, found[i].differences(s.want, "on "+d.name, "was expected")...)
	}
	if wrong != nil {
		return fmt.Errorf("NOT EQUAL: %s", strings.Join(wrong, "; "))
	}
	if err := s.fresh(); err != nil {
		return err
	}
	idle := s.sent() - before
	if idle > idleMax {
		return fmt.Errorf("nothing is left to do, and yet the devices sent %s within %s",
			status.Bytes(idle), seconds(time.Since(began)))
	}
	s.screen.done("equal on all three: "+s.want.tally().String(), seconds(time.Since(began)))
	s.screen.say("", s.screen.dim("  compared: names, contents (SHA-256), modes, times of change, "+
		"targets of links"))
	s.screen.say("", s.screen.dim("  meanwhile the idle devices sent "+status.Bytes(idle)))
	for _, d := range s.devices {
		t := d.traffic()
		s.screen.say("", fmt.Sprintf("  %s sent %s  received %s  %s", padded(d.name, 9),
			aligned(status.Bytes(t.out), 8), aligned(status.Bytes(t.in), 8), s.screen.dim(d.folder())))
	}
	s.screen.say("", "")
	s.screen.say(s.screen.green("✓"), s.screen.bold("Verified.")+" All of it took "+
		seconds(time.Since(s.began))+".")
	return nil
}

func listed(names []string) string {
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}
