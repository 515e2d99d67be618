package direct

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
)

// Certificate returns the self-signed certificate of the device that holds the key. The
// same key gives the same certificate, and it never expires.
func Certificate(key ed25519.PrivateKey) (tls.Certificate, error) {
	if len(key) != ed25519.PrivateKeySize {
		return tls.Certificate{}, fmt.Errorf("device key has %d bytes, want %d",
			len(key), ed25519.PrivateKeySize)
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC),
		// RFC 5280 section 4.1.2.5: this date means that there is no good end date.
		NotAfter: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
		KeyUsage: x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make device certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make device certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, nil
}

// config is the TLS of both sides. Check sees the device whose certificate was shown; the
// handshake goes on to verify that the other side holds its key.
//
// Cipher suites cannot be chosen in TLS 1.3: the library takes AES-GCM where the processor
// has instructions for it, which is what we want.
func (e *Endpoint) config(protocols []string, check func(ident.DeviceID) error) *tls.Config {
	return &tls.Config{
		Certificates: []tls.Certificate{e.cert},
		MinVersion:   tls.VersionTLS13,
		NextProtos:   protocols,
		ClientAuth:   tls.RequireAnyClientCert,
		// There is no authority and no name to check: the key itself is the identity, and
		// VerifyConnection checks it on both sides.
		InsecureSkipVerify: true,
		VerifyConnection: func(state tls.ConnectionState) error {
			device, err := deviceOf(state)
			if err != nil {
				return err
			}
			return check(device)
		},
		// A resumed session would skip the certificate; reconnects are rare enough.
		SessionTicketsDisabled: true,
		// Small first records help web pages on slow links and cost us a system call each.
		DynamicRecordSizingDisabled: true,
	}
}

// deviceOf returns the device whose certificate the other side showed.
func deviceOf(state tls.ConnectionState) (ident.DeviceID, error) {
	if state.NegotiatedProtocol != protocol && state.NegotiatedProtocol != meetingProtocol {
		return ident.DeviceID{}, fmt.Errorf("%w: it does not speak %s", errNotShoal, protocol)
	}
	if len(state.PeerCertificates) == 0 {
		return ident.DeviceID{}, errors.New("it shows no certificate")
	}
	key, ok := state.PeerCertificates[0].PublicKey.(ed25519.PublicKey)
	if !ok {
		return ident.DeviceID{}, fmt.Errorf("%w: its certificate has no Ed25519 key", errNotShoal)
	}
	return ident.DeviceFromKey(key), nil
}
