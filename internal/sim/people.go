package sim

import (
	"math/rand/v2"
	"strings"
	"time"

	"github.com/shoal-sync/shoal/sync/tree"
)

// person works with the files of one device, not knowing that anybody keeps them in step.
type person struct {
	world  *World
	device *device
	chance *rand.Rand
	until  time.Duration
}

// employ puts people before devices until the given moment of the world.
func (w *World) employ(until time.Duration) {
	for i := range min(w.options.People, len(w.devices)) {
		p := &person{world: w, device: w.devices[i], chance: w.split(), until: until}
		w.after(p.pause(), p.work)
	}
}

// pause is seldom long and often short: people come in bursts.
func (p *person) pause() time.Duration {
	if p.chance.IntN(4) > 0 {
		return time.Duration(p.chance.Int64N(int64(300 * time.Millisecond)))
	}
	return time.Duration(p.chance.Int64N(int64(p.world.options.Pauses)))
}

func (p *person) work() {
	if time.Duration(p.world.now) >= p.until {
		return
	}
	deeds := []func(){
		p.create, p.create, p.create, p.edit, p.edit, p.edit, p.saveByRename, p.saveByRename,
		p.backupAndSave, p.rename, p.rename, p.moveAcross, p.moveAcross, p.moveDirectory,
		p.moveDirectory, p.swap, p.delete, p.delete, p.deleteDirectory, p.recreate, p.mkdir,
		p.chmod, p.touch, p.copy, p.link, p.become, p.slowWrite,
	}
	if p.world.options.Recases {
		deeds = append(deeds, p.recase, p.recase)
	}
	deeds[p.chance.IntN(len(deeds))]()
	p.world.after(p.pause(), p.work)
}

// soon is the time between two steps of a program.
func (p *person) soon(do func()) {
	p.world.after(time.Duration(p.chance.Int64N(int64(30*time.Millisecond))), do)
}

var usualNames = []string{"a.txt", "b.txt", "c.txt", "d", "e", "f.tar.gz", "notes", "x.y"}

// strangeNames are ones that some volumes take for one another, or refuse.
var strangeNames = []string{
	"a.txt", "A.txt", "A.TXT", "d", "D", "notes", "Notes", "é", "e\u0301", "É", "ß", "ss", "SS",
	"con", "q?", "x.", "\xff", "y",
}

// name draws a name that the person's volume can hold.
func (p *person) name() string {
	if !p.world.options.Volumes {
		return usualNames[p.chance.IntN(len(usualNames))]
	}
	for {
		name := strangeNames[p.chance.IntN(len(strangeNames))]
		if p.device.disk.rules.Refusal(name) == "" {
			return name
		}
	}
}

// pick returns a path that leads to a file of the given kind; kind 0 is any.
func (p *person) pick(kind tree.Kind) (string, bool) {
	var found []string
	p.device.disk.walk(func(path string, f *file) {
		if kind == 0 || f.kind == kind {
			found = append(found, path)
		}
	})
	if len(found) == 0 {
		return "", false
	}
	return found[p.chance.IntN(len(found))], true
}

// room returns a path in some directory, whose name may be taken.
func (p *person) room() string {
	dir := ""
	if p.chance.IntN(3) > 0 {
		dir, _ = p.pick(tree.Dir)
	}
	return join(dir, p.name())
}

func (p *person) free() (string, bool) {
	path := p.room()
	return path, p.device.disk.at(path) == nil
}

func (p *person) save(path string, c *content) {
	path = p.device.disk.shown(path)
	is := p.device.disk.at(path)
	if is != nil && is.kind != tree.File || !p.device.disk.holds(path) {
		return
	}
	p.device.witness().save(p.device, path, c)
	p.device.disk.save(path, c)
	p.device.noteUnseen(path)
}

func (p *person) move(from, to string) {
	d := p.device.disk
	is, over := d.at(from), d.at(to)
	if is == nil || !d.holds(to) || inside(to, from) {
		return
	}
	from = d.shown(from)
	if over != is {
		to = d.shown(to)
	}
	if from == to {
		return
	}
	if over != nil && over != is && (over.kind == tree.Dir || is.kind == tree.Dir) {
		return
	}
	p.device.witness().move(p.device, from, to)
	d.rename(from, to)
	p.device.noteUnseen(from)
	p.device.noteUnseen(to)
}

func inside(path, dir string) bool {
	return len(path) > len(dir) && path[:len(dir)] == dir && path[len(dir)] == '/'
}

func (p *person) remove(path string) {
	path = p.device.disk.shown(path)
	p.device.witness().remove(p.device, path)
	p.device.disk.remove(path)
	p.device.noteUnseen(path)
}

func (p *person) contentAt(path string) (*content, bool) {
	if is := p.device.disk.at(path); is != nil && is.kind == tree.File {
		return is.content, true
	}
	return nil, false
}

func (p *person) create() {
	if path, ok := p.free(); ok {
		p.save(path, p.world.contents.some())
	}
}

func (p *person) edit() {
	path, ok := p.pick(tree.File)
	if !ok {
		return
	}
	for range 1 + p.chance.IntN(3)*p.chance.IntN(2) {
		if was, ok := p.contentAt(path); ok {
			p.save(path, p.world.contents.edited(was))
		}
	}
}

// slowWrite is a program that writes for a while; in between the file is torn.
func (p *person) slowWrite() {
	path, ok := p.pick(tree.File)
	if !ok {
		return
	}
	was, _ := p.contentAt(path)
	final := p.world.contents.edited(was)
	p.save(path, p.world.contents.torn(final))
	p.world.after(time.Duration(p.chance.Int64N(int64(3*time.Second))), func() { p.save(path, final) })
}

// saveByRename writes a new file and moves it over the old one, as many editors do.
func (p *person) saveByRename() {
	path, ok := p.pick(tree.File)
	if !ok {
		return
	}
	was, _ := p.contentAt(path)
	p.save(path+"~new", p.world.contents.edited(was))
	p.soon(func() { p.move(path+"~new", path) })
}

// backupAndSave moves the old file aside first.
func (p *person) backupAndSave() {
	path, ok := p.pick(tree.File)
	if !ok || p.device.disk.at(path+"~") != nil {
		return
	}
	was, _ := p.contentAt(path)
	p.move(path, path+"~")
	p.soon(func() {
		p.save(path, p.world.contents.edited(was))
		p.soon(func() {
			if _, ok := p.contentAt(path + "~"); ok {
				p.remove(path + "~")
			}
		})
	})
}

func (p *person) rename() {
	if path, ok := p.pick(0); ok {
		p.move(path, join(parentPath(path), p.name()))
	}
}

// recase changes the case of a name, which on some volumes is the same name.
func (p *person) recase() {
	path, ok := p.pick(0)
	if !ok {
		return
	}
	name := path[strings.LastIndexByte(path, '/')+1:]
	other := strings.ToUpper(name)
	if other == name {
		other = strings.ToLower(name)
	}
	if p.device.disk.rules.Refusal(other) == "" {
		p.move(path, join(parentPath(path), other))
	}
}

func (p *person) moveAcross() {
	if path, ok := p.pick(tree.File); ok {
		p.move(path, p.room())
	}
}

func (p *person) moveDirectory() {
	if path, ok := p.pick(tree.Dir); ok {
		if to, ok := p.free(); ok {
			p.move(path, to)
		}
	}
}

// swap lets two names change places.
func (p *person) swap() {
	a, ok := p.pick(0)
	b, _ := p.pick(0)
	if !ok || a == b || inside(a, b) || inside(b, a) {
		return
	}
	between := join(parentPath(a), "swap")
	p.move(a, between)
	steps := func() {
		p.move(b, a)
		p.move(between, b)
	}
	if p.chance.IntN(2) == 0 {
		steps()
	} else {
		p.soon(steps)
	}
}

func (p *person) delete() {
	if path, ok := p.pick(tree.File); ok {
		p.remove(path)
	}
}

func (p *person) deleteDirectory() {
	if path, ok := p.pick(tree.Dir); ok && p.chance.IntN(2) == 0 {
		p.remove(path)
	}
}

// recreate deletes a file and makes another one of the same name.
func (p *person) recreate() {
	if path, ok := p.pick(tree.File); ok {
		p.remove(path)
		p.soon(func() { p.save(path, p.world.contents.some()) })
	}
}

// become puts a directory where a file was, or the other way round.
func (p *person) become() {
	path, ok := p.pick(0)
	if !ok {
		return
	}
	kind := p.device.disk.at(path).kind
	p.remove(path)
	if kind == tree.Dir {
		p.save(path, p.world.contents.some())
		return
	}
	p.device.disk.mkdir(path)
	p.device.noteUnseen(path)
	p.save(join(path, usualNames[0]), p.world.contents.some())
}

func (p *person) mkdir() {
	if path, ok := p.free(); ok {
		p.world.trace.note(p.device, "person makes directory %q", path)
		p.device.disk.mkdir(path)
		p.device.noteUnseen(path)
	}
}

func (p *person) chmod() {
	if path, ok := p.pick(0); ok && p.device.disk.at(path).kind != tree.Link && !p.device.disk.rules.NoModes {
		mode := []uint32{0o755, 0o700, 0o750, 0o711}[p.chance.IntN(4)]
		p.world.trace.note(p.device, "person changes mode of %q to %o", path, mode)
		p.device.disk.chmod(path, mode)
		p.device.noteUnseen(path)
	}
}

func (p *person) touch() {
	if path, ok := p.pick(tree.File); ok {
		p.world.trace.note(p.device, "person touches %q", path)
		p.device.disk.touch(path)
		p.device.noteUnseen(path)
	}
}

func (p *person) copy() {
	path, ok := p.pick(tree.File)
	to, free := p.free()
	if !ok || !free {
		return
	}
	p.device.witness().share(p.device.disk.at(path))
	c, _ := p.contentAt(path)
	p.save(to, c)
}

func (p *person) link() {
	if path, ok := p.free(); ok && !p.device.disk.rules.NoLinks {
		p.world.trace.note(p.device, "person links %q", path)
		p.device.disk.link(path, p.name())
		p.device.noteUnseen(path)
	}
}

func (d *device) witness() *witness { return d.world.witness }

// noteUnseen remembers that a person changed something no look has covered yet.
func (d *device) noteUnseen(path string) { d.unseen[path] = d.world.now }

// seen forgets what a look that began later has covered.
func (d *device) seen(u *underWay) {
	again := map[string]bool{}
	for _, path := range u.again {
		again[path] = true
	}
	covered := map[string]bool{}
	for _, path := range u.paths {
		covered[path] = true
	}
	for path, at := range d.unseen {
		if at < u.began && !again[path] && (u.full || covered[path]) {
			delete(d.unseen, path)
		}
	}
}
