package disk

import "errors"

// Space returns how many bytes may still be written to the volume of a directory, and how
// large the volume is.
func Space(path string) (free, size int64, err error) {
	d, err := openTop(path)
	if err != nil {
		return 0, 0, err
	}
	free, size, err = d.volume()
	return free, size, errors.Join(err, d.close())
}
