package natlab

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TLSPort is where Coturn takes TLS.
const TLSPort = 5349

// Coturn puts a server of STUN and TURN that is not ours on the internet, at 203.0.113.N:
// the one of Debian's package coturn, over UDP, TCP and TLS. It returns the file of the
// authority that vouches for its certificate.
func (l *Lab) Coturn(n int) (authority string) {
	l.t.Helper()
	if _, err := exec.LookPath("turnserver"); err != nil {
		l.t.Skip("SKIPPED, NOTHING WAS TESTED: the program turnserver (package coturn) is missing")
	}
	at := fmt.Sprintf("203.0.113.%d", n)
	dir := l.t.TempDir()
	cert, key := certificate(l.t, dir, net.ParseIP(at))
	computer := l.Public(n)
	// It gives up a relay that is told to send to where there is no way, as private
	// addresses of the other side are.
	computer.Run("ip", "route", "add", "default", "via", "203.0.113.254")
	cmd := computer.Command("turnserver", "-n", "--no-cli", "--no-dtls", "--lt-cred-mech", "--realm=lab",
		"--user="+User+":"+Password, "--listening-ip="+at, "--relay-ip="+at, "--cert="+cert, "--pkey="+key,
		fmt.Sprint("--listening-port=", ServerPort), fmt.Sprint("--tls-listening-port=", TLSPort),
		"--userdb="+filepath.Join(dir, "users"), "--pidfile="+filepath.Join(dir, "pid"), "--log-file=stdout", "--simple-log")
	lines, said := bufio.NewScanner(l.keepRunning(cmd)), ""
	for lines.Scan() {
		said += lines.Text() + "\n"
		if strings.Contains(lines.Text(), "SQLite DB connection success") { // the last thing it does
			go func() {
				for lines.Scan() { // or it would wait for room
				}
			}()
			return cert
		}
	}
	l.t.Fatalf("coturn did not start:\n%s", said)
	return ""
}

// certificate writes a certificate for an address, which vouches for itself, and its key.
func certificate(t *testing.T, dir string, at net.IP) (cert, key string) {
	t.Helper()
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	about := x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{at}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	signed, err := x509.CreateCertificate(rand.Reader, &about, &about, secret.Public(), secret)
	if err != nil {
		t.Fatal(err)
	}
	hidden, err := x509.MarshalPKCS8PrivateKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{
		cert: {Type: "CERTIFICATE", Bytes: signed}, key: {Type: "PRIVATE KEY", Bytes: hidden},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}
