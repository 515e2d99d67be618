package scan

// doNotWait is empty: opening a file never waits here.
const doNotWait = 0
