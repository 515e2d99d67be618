// Package chunker cuts a stream of bytes into chunks at places that the bytes themselves
// choose, so that an edit moves only the cuts next to it and equal files are cut equally
// on every device.
//
// It knows the rule and its three size classes. It leaves reading, hashing and goroutines
// to its callers: sync/recipe (one file on one goroutine), sync/scan (blocks and segments
// on several) and sync/disk (re-cutting an old copy in a new class). It is pure: the same
// input gives the same cuts for every processor, block size and number of segments.
//
// # The rule, version 1
//
// The rule is a wire format: content ids depend on it, so it never changes. A different
// rule gets a different RuleVersion.
//
// Let b be the bytes of the stream and p an offset in it, p >= 64. Whether p is a
// candidate depends only on the 64 bytes b[p-64] to b[p-1]; where chunks began before p
// plays no part. That is what lets segments be searched apart from each other.
//
// Stage 1. With i = p-1 and all arithmetic in 8 bits, p passes when
//
//	b[i] ^ b[i-11] ^ b[i-32]<<1 ^ b[i-3]<<2 ^ b[i-17]<<3 ^ b[i-55]<<4 == 0x68
//
// On random bytes 1 offset of 256 passes. The six distances and the target were chosen on
// text, programs, tables, sound and images so that about as many pass there: between 0.75
// and 1.25 of 1 in 256. Runs of one byte value never pass, except 0x1c and 0x9c.
//
// Stage 2. Let w0 to w7 be the 64 bytes read as eight little-endian 64-bit words, w0
// first in the stream. With all arithmetic in 64 bits,
//
//	s = seed + w0*m0 + w1*m1 + ... + w7*m7
//	h = (s ^ s>>32) * finish
//
// seed, m0 to m7 and finish are the constants below. p is an easy candidate when the top
// E bits of h are zero, and a hard candidate when the top H bits are.
//
// Size class, from the size of the whole file alone:
//
//	class  file size          average  min      norm     max    H   E
//	0      up to 16 MiB       64 KiB   16 KiB   52 KiB   256 KiB  10   6
//	1      up to 4 GiB        256 KiB  64 KiB   208 KiB  1 MiB    12   8
//	2      above              1 MiB    256 KiB  832 KiB  4 MiB    14  10
//
// Hence min = average/4, norm = average*13/16, max = average*4. With stage 1, a hard
// candidate is 4 times rarer than one per average, an easy one 4 times more frequent.
// norm is where the two together give random bytes a mean chunk of 0.99 times the
// average.
//
// Cuts. A chunk that begins at offset s ends at the smallest p for which one of these
// holds:
//
//	s+min  <= p < s+norm  and p is a hard candidate
//	s+norm <= p < s+max   and p is an easy candidate
//	p = s+max
//	p is the end of the file
//
// # Room for a key
//
// Chunk lengths tell an observer which file passes by. A later rule version may derive
// seed and m0 to m7 from a secret of the folder; Params.Key is where it will stand. In
// version 1 the key is zero, and Params.Validate refuses any other.
package chunker

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// RuleVersion names the rule of the package comment in formats that depend on it.
const RuleVersion = 1

// window is how many bytes before an offset decide whether it is a candidate.
const window = 64

// target is what the six taps of stage 1 must come to.
const target = 0x68

// The constants of stage 2 are the first ten outputs of SplitMix64 started at zero, with
// the lowest bit set in those that multiply: an odd factor loses nothing.
const (
	seed   = 0xe220a8397b1dcdaf
	m0     = 0x6e789e6aa1b965f5
	m1     = 0x06c45d188009454f
	m2     = 0xf88bb8a8724c81ed
	m3     = 0x1b39896a51a8749b
	m4     = 0x53cb9f0c747ea2eb
	m5     = 0x2c829abe1f4532e1
	m6     = 0xc584133ac916ab3d
	m7     = 0x3ee5789041c98ac3
	finish = 0xf3b8488c368cb0a7
)

// ErrKeyed reports parameters with a folder key, which rule version 1 does not have.
var ErrKeyed = errors.New("chunks cut with a folder key need a newer version")

// ErrClass reports a size class that rule version 1 does not have.
var ErrClass = errors.New("unknown chunk size class")

// Class is a size class: it fixes the smallest, usual and largest chunk.
type Class uint8

// classes is how many size classes rule version 1 has.
const classes = 3

// The largest file of class 0 and of class 1, in bytes.
const (
	smallFile  = 16 << 20
	mediumFile = 4 << 30
)

// ClassOf returns the class that a file of fileSize bytes is cut in.
func ClassOf(fileSize int64) Class {
	switch {
	case fileSize <= smallFile:
		return 0
	case fileSize <= mediumFile:
		return 1
	}
	return 2
}

// Known reports whether rule version 1 has the class. The other methods need one it has.
func (c Class) Known() bool { return c < classes }

// Average returns the nominal size of a chunk, in bytes.
func (c Class) Average() int { return 64 << 10 << (2 * c) }

// Min returns the smallest size of a chunk that is not the last of its file, in bytes.
func (c Class) Min() int { return c.Average() / 4 }

// Max returns the largest size of a chunk, in bytes.
func (c Class) Max() int { return c.Average() * 4 }

// Norm returns the size from which easy candidates cut as well as hard ones, in bytes.
func (c Class) Norm() int { return c.Average() / 16 * 13 }

// easyMask selects the top E bits of the stage 2 hash, hardMask the top H bits. The eight
// bits that stage 1 already took are counted off.
func (c Class) easyMask() uint64 { return ^uint64(0) << (64 - (6 + 2*c)) }
func (c Class) hardMask() uint64 { return ^uint64(0) << (64 - (10 + 2*c)) }

// Key is the room a later rule leaves for a secret of the folder.
type Key [32]byte

// Params is all that the cuts of a stream depend on besides its bytes.
type Params struct {
	Class
	// Key must be zero in rule version 1.
	Key Key
}

// ForSize returns the parameters for a file of fileSize bytes.
func ForSize(fileSize int64) Params { return Params{Class: ClassOf(fileSize)} }

// Validate returns an error wrapping ErrClass or ErrKeyed when this version cannot cut by
// p. Parameters that come from elsewhere than ForSize must pass it before they are used.
func (p Params) Validate() error {
	if !p.Known() {
		return fmt.Errorf("class %d: %w", uint8(p.Class), ErrClass)
	}
	if p.Key != (Key{}) {
		return ErrKeyed
	}
	return nil
}

// mustBeValid guards the entry points: cutting by a rule we do not have would give
// content ids that no other device can ever agree with.
func (p Params) mustBeValid() {
	if err := p.Validate(); err != nil {
		panic("bug: chunker used with parameters that were not validated: " + err.Error())
	}
}

// passes is stage 1 for the offset at the end of w, which holds 64 bytes.
func passes(w []byte) bool {
	_ = w[window-1]
	return w[63]^w[52]^w[31]<<1^w[60]<<2^w[46]<<3^w[8]<<4 == target
}

// mix is the hash of stage 2 over the 64 bytes of w.
func mix(w []byte) uint64 {
	_ = w[window-1]
	s := seed +
		binary.LittleEndian.Uint64(w)*m0 +
		binary.LittleEndian.Uint64(w[8:])*m1 +
		binary.LittleEndian.Uint64(w[16:])*m2 +
		binary.LittleEndian.Uint64(w[24:])*m3 +
		binary.LittleEndian.Uint64(w[32:])*m4 +
		binary.LittleEndian.Uint64(w[40:])*m5 +
		binary.LittleEndian.Uint64(w[48:])*m6 +
		binary.LittleEndian.Uint64(w[56:])*m7
	return (s ^ s>>32) * finish
}
