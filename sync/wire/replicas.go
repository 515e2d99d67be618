package wire

import (
	"encoding/binary"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/tree"
)

func (Replicas) kind() byte { return typeReplicas }

func (m Replicas) appendTo(b []byte) []byte {
	return appendReplicas(append(b, m.Folder[:]...), m.Replicas)
}

func (m Replicas) size() int { return folderLen + replicasSize(m.Replicas) }

func parseReplicas(r *reader) (m Replicas) {
	r.into("folder", m.Folder[:])
	m.Replicas = replicas(r)
	return m
}

func appendReplicas(b []byte, list []tree.Replica) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for i := range list {
		p := &list[i]
		b = binary.BigEndian.AppendUint64(b, uint64(p.ID))
		b = append(b, p.Device[:]...)
		b = appendText(b, p.Name, NameMax)
	}
	return b
}

func replicasSize(list []tree.Replica) int {
	n := uvarintLen(uint64(len(list)))
	for i := range list {
		n += 8 + len(ident.DeviceID{}) + textSize(list[i].Name, NameMax)
	}
	return n
}

func replicas(r *reader) []tree.Replica {
	n := r.count("replicas", ReplicasMax, replicaSizeMin)
	if n == 0 {
		return nil
	}
	list := make([]tree.Replica, n)
	for i := range list {
		r.item = i
		p := &list[i]
		p.ID = r.replica("replica")
		r.into("device", p.Device[:])
		p.Name = r.text("name", NameMax)
	}
	return list
}
