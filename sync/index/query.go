package index

// query names a prepared statement.
type query int

const (
	begin query = iota
	commit
	rollback
	readBegin

	idNumber
	idPut

	entryByID
	entriesAt
	entriesIn
	entryNames
	entriesSince
	entriesTold
	entriesNeeded
	entriesDead
	entriesAll
	recordsAll
	entryInsert
	entryUpdate
	entryNeed
	entryDelete
	idDelete

	baseByID
	shownSince
	shownNeeded
	baseAt
	baseIn
	baseNames
	baseHolding
	baseLikely
	baseFile
	basePlace
	basePut
	baseDelete

	soughtPut
	soughtDrop
	soughtFind
	namesAfter
	entryNumbered

	recipeGet
	recipePut
	recipesAfter
	recipeBodies
	recipeDelete
	contentHeld

	replicasAll
	intentsAll
	intentPut
	intentDrop
	notesAll
	notePut
	noteDrop
	replicaInsert
	cursorGet
	cursorPut
	stateGet
	statePut
	countsGet
	countsPut

	queries
)

const (
	rowColumns  = "seq, need, record, died"
	baseColumns = "entry, parent, name, head, tail, rev, saw, racy, " +
		"kind, size, mtime, mode, links, volume, inode, birth"
	// shownColumns are rowColumns, then baseColumns of the same entry, NULL without them.
	shownColumns = "e.seq, e.need, e.record, e.died, b.entry, b.parent, b.name, b.head, b.tail, b.rev, " +
		"b.saw, b.racy, b.kind, b.size, b.mtime, b.mode, b.links, b.volume, b.inode, b.birth " +
		"FROM entries e LEFT JOIN base b ON b.number = e.number"
)

// queryText must keep every query on an index: a test asks SQLite for its plan.
var queryText = [queries]string{
	begin:     "BEGIN IMMEDIATE",
	commit:    "COMMIT",
	rollback:  "ROLLBACK",
	readBegin: "BEGIN",

	idNumber: "SELECT number FROM ids WHERE id = ?",
	idPut:    "INSERT INTO ids (id, number) VALUES (?, ?) ON CONFLICT (id) DO NOTHING",

	entryByID: "SELECT " + rowColumns + " FROM entries WHERE number = (SELECT number FROM ids WHERE id = ?)",
	// The plus hides the name from the planner, which else looks whether entries_resting
	// would do for it, and so prepares the statement anew for every name.
	entriesAt:    "SELECT " + rowColumns + " FROM entries WHERE parent = ? AND name = +?",
	entriesIn:    "SELECT " + rowColumns + " FROM entries WHERE parent = ? AND id > ? ORDER BY id LIMIT ?",
	entryNames:   "SELECT name, id FROM entries WHERE parent = ? LIMIT ?",
	entriesSince: "SELECT " + rowColumns + " FROM entries WHERE seq > ? ORDER BY seq LIMIT ?",
	entriesTold: "SELECT e.seq, e.need, e.record, e.died, b.head, b.tail FROM entries e " +
		"LEFT JOIN base b ON b.number = e.number WHERE e.seq > ? ORDER BY e.seq LIMIT ?",
	entriesNeeded: "SELECT " + rowColumns + " FROM entries WHERE need = 1 AND seq > ? ORDER BY seq LIMIT ?",
	entriesDead:   "SELECT " + rowColumns + " FROM entries WHERE live = 0 AND seq > ? ORDER BY seq LIMIT ?",
	entriesAll:    "SELECT " + rowColumns + ", number FROM entries WHERE number > ? ORDER BY number LIMIT ?",
	recordsAll:    "SELECT number, id, live, name, record FROM entries WHERE number > ? ORDER BY number LIMIT ?",
	entryInsert: "INSERT INTO entries (seq, parent, name, need, live, size, record, died, id, number) " +
		"VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	entryUpdate: "UPDATE entries SET seq = ?, parent = ?, name = ?, need = ?, live = ?, size = ?, record = ?, " +
		"died = ? WHERE number = ?",
	entryNeed:   "UPDATE entries SET need = ? WHERE number = ?",
	entryDelete: "DELETE FROM entries WHERE number = ?",
	idDelete:    "DELETE FROM ids WHERE id = ?",

	baseByID:    "SELECT " + baseColumns + " FROM base WHERE number = (SELECT number FROM ids WHERE id = ?)",
	shownSince:  "SELECT " + shownColumns + " WHERE e.seq > ? ORDER BY e.seq LIMIT ?",
	shownNeeded: "SELECT " + shownColumns + " WHERE e.need = 1 AND e.seq > ? ORDER BY e.seq LIMIT ?",
	baseAt:      "SELECT " + baseColumns + " FROM base WHERE parent = ? AND name = ?",
	baseIn:      "SELECT " + baseColumns + " FROM base WHERE parent = ? AND name > ? ORDER BY name",
	baseNames:   "SELECT name, entry FROM base WHERE parent = ? LIMIT ?",
	baseHolding: "SELECT " + baseColumns + " FROM base WHERE head = ? AND tail = ? LIMIT ?",
	baseLikely:  "SELECT " + baseColumns + " FROM base WHERE head = ? LIMIT ?",
	baseFile:    "SELECT " + baseColumns + " FROM base WHERE inode = ? AND volume = ? AND birth = ?",
	basePlace:   "SELECT parent, name FROM base WHERE number = (SELECT number FROM ids WHERE id = ?)",
	basePut: "INSERT INTO base (" + baseColumns + ", number) " +
		"VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) " +
		"ON CONFLICT (number) DO UPDATE SET parent = excluded.parent, name = excluded.name, " +
		"head = excluded.head, tail = excluded.tail, rev = excluded.rev, saw = excluded.saw, racy = excluded.racy, " +
		"kind = excluded.kind, size = excluded.size, mtime = excluded.mtime, mode = excluded.mode, " +
		"links = excluded.links, volume = excluded.volume, inode = excluded.inode, birth = excluded.birth",
	baseDelete: "DELETE FROM base WHERE number = (SELECT number FROM ids WHERE id = ?)",

	soughtPut:     "INSERT INTO sought (rowid, name) VALUES (?, ?)",
	soughtDrop:    "INSERT INTO sought (sought, rowid, name) VALUES ('delete', ?, ?)",
	soughtFind:    "SELECT rowid FROM sought WHERE sought MATCH ? LIMIT ?",
	namesAfter:    "SELECT number, name FROM entries WHERE number > ? AND live = 1 AND name <> x'' ORDER BY number LIMIT ?",
	entryNumbered: "SELECT " + rowColumns + " FROM entries WHERE number = ?",

	recipeGet: "SELECT body FROM recipes WHERE content = ?",
	recipePut: "INSERT INTO recipes (content, came, body) VALUES (?, ?, ?) " +
		"ON CONFLICT (content) DO UPDATE SET came = excluded.came",
	recipesAfter: "SELECT number, content, came FROM recipes WHERE number > ? ORDER BY number LIMIT ?",
	recipeBodies: "SELECT number, content, body FROM recipes WHERE number > ? ORDER BY number LIMIT ?",
	recipeDelete: "DELETE FROM recipes WHERE content = ? AND came < ?",
	contentHeld:  "SELECT 1 FROM base WHERE head = ? AND tail = ? LIMIT 1",

	replicasAll:   "SELECT id, device, name FROM replicas ORDER BY id",
	intentsAll:    "SELECT number, body FROM intents ORDER BY number",
	intentPut:     "INSERT OR REPLACE INTO intents (number, body) VALUES (?, ?)",
	intentDrop:    "DELETE FROM intents WHERE number = ?",
	notesAll:      "SELECT key, body FROM notes ORDER BY key",
	notePut:       "INSERT OR REPLACE INTO notes (key, body) VALUES (?, ?)",
	noteDrop:      "DELETE FROM notes WHERE key = ?",
	replicaInsert: "INSERT INTO replicas (id, device, name) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING",
	cursorGet:     "SELECT log, seq, life FROM cursors WHERE device = ?",
	cursorPut: "INSERT INTO cursors (device, log, seq, life) VALUES (?, ?, ?, ?) " +
		"ON CONFLICT (device) DO UPDATE SET log = excluded.log, seq = excluded.seq, life = excluded.life",
	stateGet: "SELECT replica, log, head, counter, rev, clock, scanned, knowledge, collected, life, lives FROM state",
	statePut: "INSERT OR REPLACE INTO state (one, replica, log, head, counter, rev, clock, scanned, knowledge, " +
		"collected, life, lives) VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	countsGet: "SELECT files, bytes, needs, needfiles, needbytes, conflicts, ids FROM counts",
	countsPut: "INSERT OR REPLACE INTO counts (one, files, bytes, needs, needfiles, needbytes, conflicts, ids) " +
		"VALUES (1, ?, ?, ?, ?, ?, ?, ?)",
}
