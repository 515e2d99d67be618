package disk

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/tree"
)

// A list says what the numbered slots of a batch are for. It is text, so that a person who
// has lost everything else can still find out what a file in the trash was:
//
//	shoal victims 1
//	slot TAB op TAB content TAB staged TAB victim TAB quoted path TAB old content TAB by
//	end COUNT
//
// Staged and victim are looks: kind:size:mtime:mode:links:volume:inode:birth. A list
// without its end was not written whole, so its batch had not begun to act.

const (
	listName  = "list"
	listFirst = "shoal victims 1"
	// listMax bounds what is read back: BatchMax lines with the longest paths Linux has,
	// every byte of them quoted.
	listMax = BatchMax * (4*4096 + 512)
)

// line is one slot of a list.
type line struct {
	slot    int
	op      tree.Op // InstallFile, InstallLink or Remove
	content ident.ContentID
	staged  tree.Stat // what lies ready to be put at path; zero for Remove
	victim  tree.Stat // what is to be taken from path
	path    string
	old     ident.ContentID // what the victim holds; zero: not known
	by      ident.DeviceID  // whose write took it away; zero: not known
}

func encodeList(lines []line) []byte {
	text := append([]byte(nil), listFirst+"\n"...)
	for _, l := range lines {
		text = fmt.Appendf(text, "%d\t%d\t%v\t%s\t%s\t%s\t%v\t%x\n", l.slot, l.op, l.content,
			formatStat(l.staged), formatStat(l.victim), strconv.Quote(l.path), l.old, l.by[:])
	}
	return fmt.Appendf(text, "end %d\n", len(lines))
}

func formatStat(s tree.Stat) string {
	return fmt.Sprintf("%d:%d:%d:%o:%d:%d:%d:%d", s.Kind, s.Size, s.Mtime, s.Mode, s.Links,
		s.File.Volume, s.File.Inode, s.File.Birth)
}

func parseStat(text string) (s tree.Stat, err error) {
	n, err := fmt.Sscanf(text, "%d:%d:%d:%o:%d:%d:%d:%d", &s.Kind, &s.Size, &s.Mtime, &s.Mode,
		&s.Links, &s.File.Volume, &s.File.Inode, &s.File.Birth)
	if err != nil || n != 8 {
		return s, fmt.Errorf("%w: look %q", errBadList, text)
	}
	return s, nil
}

var errBadList = errors.New("damaged list of victims")

func parseList(text string) ([]line, error) {
	rows := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	last := len(rows) - 1
	if last < 1 || rows[0] != listFirst || rows[last] != fmt.Sprintf("end %d", last-1) {
		return nil, fmt.Errorf("%w: not whole", errBadList)
	}
	lines := make([]line, 0, last-1)
	for _, row := range rows[1:last] {
		l, err := parseLine(row)
		if err != nil {
			return nil, err
		}
		lines = append(lines, l)
	}
	return lines, nil
}

func parseLine(row string) (l line, err error) {
	fields := strings.Split(row, "\t")
	if len(fields) == 6 { // written before the last two were
		fields = append(fields, ident.ContentID{}.String(), strings.Repeat("00", len(l.by)))
	}
	if len(fields) != 8 {
		return l, fmt.Errorf("%w: %d fields", errBadList, len(fields))
	}
	op := 0
	for _, field := range []func() error{
		func() (err error) { l.slot, err = strconv.Atoi(fields[0]); return err },
		func() (err error) { op, err = strconv.Atoi(fields[1]); return err },
		func() (err error) { l.content, err = ident.ParseContent(fields[2]); return err },
		func() (err error) { l.staged, err = parseStat(fields[3]); return err },
		func() (err error) { l.victim, err = parseStat(fields[4]); return err },
		func() (err error) { l.path, err = strconv.Unquote(fields[5]); return err },
		func() (err error) { l.old, err = ident.ParseContent(fields[6]); return err },
		func() error { return parseDevice(fields[7], &l.by) },
	} {
		if err := field(); err != nil {
			return l, fmt.Errorf("%w: %w", errBadList, err)
		}
	}
	l.op = tree.Op(op)
	if op < 0 || op > 255 || l.slot < 0 || l.slot >= BatchMax {
		return l, fmt.Errorf("%w: slot %d, op %d", errBadList, l.slot, op)
	}
	return l, nil
}

func parseDevice(text string, id *ident.DeviceID) error {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != len(id) {
		return fmt.Errorf("%w: device %q", errBadList, text)
	}
	copy(id[:], raw)
	return nil
}

// readList reads the list of a batch directory.
func (d *dir) readList() ([]line, error) {
	file, err := d.open(listName, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, listMax))
	if err != nil {
		return nil, fmt.Errorf("read list of victims: %w", err)
	}
	return parseList(string(text))
}

// batchName names a batch by its time, so that names sort by age. The number tells batches
// of one moment apart, and batches made while the clock was set back.
func batchName(now time.Time, serial uint64) string {
	return fmt.Sprintf("%016x-%06x", uint64(now.UnixNano()), serial)
}

// batchTime reads the time back from the name; false when it is no batch's name.
func batchTime(name string) (time.Time, bool) {
	if len(name) < 17 || name[16] != '-' {
		return time.Time{}, false
	}
	nanos, err := strconv.ParseUint(name[:16], 16, 64)
	return time.Unix(0, int64(nanos)), err == nil
}

func slotName(slot int) string { return strconv.Itoa(slot) }
