package index

import (
	"errors"
	"fmt"

	"github.com/shoal-sync/shoal/internal/fault"
)

// applicationID marks our files: "Shoa" in ASCII. SQLite keeps it in the file's header.
const applicationID = 0x53686f61

// steps bring a file from one schema version to the next; steps[0] makes version 1 of an
// empty file. A published step is never edited: what must change is a new step. Each runs
// in one transaction together with the new version number, so a step that is interrupted
// has not happened.
var steps = []schemaStep{{script: schema1}, {script: schema2}, {script: schema3}, {script: schema4},
	{script: schema5, fill: (*conn).fillSought}}

// schemaStep is a script, and what is done after it that needs more than SQL.
type schemaStep struct {
	script string
	fill   func(*conn) error
}

// schema1 in words.
//
// Names are BLOBs, because names on disk are bytes and need not be text; BLOBs compare
// bytewise, which is also the order of listings. Unsigned numbers of 64 bits are kept as
// the signed number with the same bits. Tables with wide rows have a row number of their
// own and narrow indexes that refer to it: every index of a WITHOUT ROWID table would
// repeat the whole key.
//
// ids gives each entry id a small number, for as long as the file lives. Ids are random, so
// the one tree that is ordered by them is the dearest to write: entries and base share it.
//
// entries holds one row for each entry ever heard of and not yet forgotten. The record is
// the canonical encoding and the truth; seq, id, parent and name repeat what the indexes
// need; live and size, which only live files have, let totals be kept without reading
// records. New rows are appended, and a change of an entry touches its row and the index
// over seq alone, unless it moved.
//
// Few rows, usually none, have no name: entries that rest beside the one they lost to. An
// index of their own tells at once that there are none, which is asked for every entry.
//
// base holds what is on disk, one row for each entry that is there. A content id is kept
// in two parts, so that the index over contents is one of small numbers: eight bytes tell
// nearly all contents apart, the rest is compared in the row. Directories have neither
// part. Saw is three vectors, told once where they are equal. Rows without a file identity
// have NULL in its three columns.
//
// recipes holds the encoded recipes of contents that have more than one chunk, and when
// they came, because a young recipe may belong to a row that is still on its way.
//
// replicas, cursors, intents and state are what their types in package tree say. counts
// has the totals, and the last number given to an id. State and counts have one row, or
// none in a new file.
const schema1 = `
CREATE TABLE ids (
	id      BLOB PRIMARY KEY,
	number  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE entries (
	number  INTEGER PRIMARY KEY,
	seq     INTEGER NOT NULL,
	id      BLOB NOT NULL,
	parent  BLOB NOT NULL,
	name    BLOB NOT NULL,
	need    INTEGER NOT NULL,
	live    INTEGER NOT NULL,
	size    INTEGER,
	record  BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX entries_seq ON entries (seq);
CREATE INDEX entries_child ON entries (parent, id);
CREATE INDEX entries_name ON entries (parent, name, id);
CREATE INDEX entries_resting ON entries (parent) WHERE name = x'';
CREATE INDEX entries_need ON entries (seq) WHERE need = 1;

CREATE TABLE base (
	number  INTEGER PRIMARY KEY,
	entry   BLOB NOT NULL,
	parent  BLOB NOT NULL,
	name    BLOB NOT NULL,
	head    INTEGER,
	tail    BLOB,
	rev     INTEGER NOT NULL,
	saw     BLOB NOT NULL,
	racy    INTEGER NOT NULL,
	kind    INTEGER NOT NULL,
	size    INTEGER NOT NULL,
	mtime   INTEGER NOT NULL,
	mode    INTEGER NOT NULL,
	links   INTEGER NOT NULL,
	volume  INTEGER,
	inode   INTEGER,
	birth   INTEGER
) STRICT;
CREATE INDEX base_name ON base (parent, name, entry);
CREATE INDEX base_content ON base (head) WHERE head IS NOT NULL;
CREATE INDEX base_file ON base (inode) WHERE inode IS NOT NULL;

CREATE TABLE recipes (
	number  INTEGER PRIMARY KEY,
	content BLOB NOT NULL UNIQUE,
	came    INTEGER NOT NULL,
	body    BLOB NOT NULL
) STRICT;

CREATE TABLE replicas (
	id      INTEGER PRIMARY KEY,
	device  BLOB NOT NULL,
	name    BLOB NOT NULL
) STRICT;

CREATE TABLE intents (
	number  INTEGER PRIMARY KEY,
	body    BLOB NOT NULL
) STRICT;

CREATE TABLE cursors (
	device  BLOB PRIMARY KEY,
	log     INTEGER NOT NULL,
	seq     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE state (
	one       INTEGER PRIMARY KEY CHECK (one = 1),
	replica   INTEGER NOT NULL,
	log       INTEGER NOT NULL,
	head      INTEGER NOT NULL,
	counter   INTEGER NOT NULL,
	rev       INTEGER NOT NULL,
	clock     INTEGER NOT NULL,
	scanned   INTEGER NOT NULL,
	knowledge BLOB NOT NULL
) STRICT;

CREATE TABLE counts (
	one       INTEGER PRIMARY KEY CHECK (one = 1),
	files     INTEGER NOT NULL,
	bytes     INTEGER NOT NULL,
	needs     INTEGER NOT NULL,
	needfiles INTEGER NOT NULL,
	needbytes INTEGER NOT NULL,
	conflicts INTEGER NOT NULL,
	ids       INTEGER NOT NULL
) STRICT;
`

// schema2 in words.
//
// Died is when a deleted entry was first known here to be deleted, in unix milliseconds;
// NULL in rows of live entries, 0 where it was before anybody noted it. The index finds
// deleted entries in the order of the log, without looking at the others.
const schema2 = `
ALTER TABLE entries ADD COLUMN died INTEGER;
CREATE INDEX entries_dead ON entries (seq) WHERE live = 0;
UPDATE entries SET died = 0 WHERE live = 0;
`

// schema3 adds the notes of cores, as the type in package tree says.
const schema3 = `
CREATE TABLE notes (
	key   BLOB PRIMARY KEY,
	body  BLOB NOT NULL
) STRICT, WITHOUT ROWID;
`

// schema4 adds to state and cursors what tree.State and tree.Cursor say. Lives are pairs of
// fixed numbers: id, head.
const schema4 = `
ALTER TABLE state ADD COLUMN collected BLOB NOT NULL DEFAULT x'';
ALTER TABLE state ADD COLUMN life INTEGER NOT NULL DEFAULT 0;
ALTER TABLE state ADD COLUMN lives BLOB NOT NULL DEFAULT x'';
ALTER TABLE cursors ADD COLUMN life INTEGER NOT NULL DEFAULT 0;
`

// schema5 in words.
//
// Sought finds the names of live entries by any three characters that follow one another
// in them, under the number of the entry; search.go says how. It keeps no text
// (content=”): an entry's name is in its row. Nor does it keep where in a name something
// is (detail=none), nor how long names are (columnsize=0): 25 bytes for a name of 20
// characters.
const schema5 = `
CREATE VIRTUAL TABLE sought USING fts5 (
	name, content = '', columnsize = 0, detail = none, tokenize = 'trigram case_sensitive 1'
);
`

// ErrForeign reports a database that another program made.
var ErrForeign = errors.New("this is a database of another program")

// ErrFuture reports a database that a newer version of this program made.
var ErrFuture = errors.New("this index was written by a newer version")

// migrate checks whose file it is and brings it to our schema version.
func (c *conn) migrate(path string) error {
	application, err := c.number("PRAGMA application_id")
	if err != nil {
		return err
	}
	version, err := c.number("PRAGMA user_version")
	if err != nil {
		return err
	}
	tables, err := c.number("SELECT count(*) FROM sqlite_schema")
	if err != nil {
		return err
	}
	switch {
	case application == 0 && version == 0 && tables == 0: // a new file
	case application != applicationID:
		return fmt.Errorf("open index %q: %w; move the file away, and the index is made anew",
			path, ErrForeign)
	case version > int64(len(steps)):
		return fmt.Errorf("open index %q: %w (format %d, this one knows %d); update this program",
			path, ErrFuture, version, len(steps))
	}
	for ; version < int64(len(steps)); version++ {
		if err := c.step(steps[version], version+1); err != nil {
			return fmt.Errorf("bring index %q to format %d: %w", path, version+1, err)
		}
	}
	return nil
}

func (c *conn) step(s schemaStep, version int64) error {
	begin := fmt.Sprintf("BEGIN IMMEDIATE; %s PRAGMA application_id = %d; PRAGMA user_version = %d;",
		s.script, applicationID, version)
	fault.At("index.migrate")
	err := c.script(begin)
	if err == nil && s.fill != nil {
		err = s.fill(c)
	}
	fault.At("index.migrated")
	if err == nil {
		err = c.script("COMMIT")
	}
	if err != nil {
		return errors.Join(err, c.rollback())
	}
	return nil
}
