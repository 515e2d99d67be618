package tray

import (
	"bytes"
	"encoding/binary"
	"image/png"
)

// shaped returns a picture in the form the system wants: an icon file that holds one
// bitmap of 32 bits, the oldest form that has shades of transparency.
func shaped(picture []byte) []byte {
	img, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		panic("bug: a picture of ours is none: " + err.Error())
	}
	w, h := img.Bounds().Dx(), img.Bounds().Dy()
	const headers, entry, info = 6, 16, 40
	mask := (w + 31) / 32 * 4 * h // one bit a pixel, rows of whole words; unused, all zero
	size := info + 4*w*h + mask
	out := binary.LittleEndian.AppendUint16(nil, 0)
	out = binary.LittleEndian.AppendUint16(out, 1) // icons
	out = binary.LittleEndian.AppendUint16(out, 1) // how many
	out = append(out, byte(w), byte(h), 0, 0)
	out = binary.LittleEndian.AppendUint16(out, 1)  // planes
	out = binary.LittleEndian.AppendUint16(out, 32) // bits a pixel
	out = binary.LittleEndian.AppendUint32(out, uint32(size))
	out = binary.LittleEndian.AppendUint32(out, headers+entry)
	for _, v := range []uint32{info, uint32(w), uint32(2 * h), 1 | 32<<16, 0, uint32(4 * w * h), 0, 0, 0, 0} {
		out = binary.LittleEndian.AppendUint32(out, v)
	}
	for y := h - 1; y >= 0; y-- { // from the bottom
		for x := range w {
			r, g, b, a := img.At(x, y).RGBA()
			if a > 0 { // colours are not multiplied by their transparency here
				r, g, b = r*0xffff/a, g*0xffff/a, b*0xffff/a
			}
			out = append(out, byte(b>>8), byte(g>>8), byte(r>>8), byte(a>>8))
		}
	}
	return append(out, make([]byte, mask)...)
}
