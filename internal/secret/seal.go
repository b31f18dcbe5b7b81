package secret

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"log/slog"

	"github.com/towpath/towpath/connector"
)

// keyBytes is the length of the master key and of data keys: AES-256.
const keyBytes = 32

// A sealed secret is a head, the data key sealed by the master key, and the secret sealed by the data key. The head is a byte of the form and the
// id of the master key; head and place are authenticated with both parts.
const (
	sealForm     = 1
	keyIDBytes   = 8
	headBytes    = 1 + keyIDBytes
	gcmOverhead  = 28 // nonce and tag
	wrappedBytes = keyBytes + gcmOverhead
)

// Keys seals secrets with the master key of an installation. However they are printed, logged or marshalled, they are ***. The methods may be called by
// many goroutines.
type Keys struct {
	head   []byte
	master cipher.AEAD
}

// newKeys takes a key of keyBytes.
func newKeys(key []byte) *Keys {
	sum := sha256.Sum256(key)
	return &Keys{head: append([]byte{sealForm}, sum[:keyIDBytes]...), master: gcm(key)}
}

func gcm(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // the length of the key is wrong
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err) // the block is not of AES
	}
	return aead
}

// ID names the master key without telling it.
func (k *Keys) ID() string { return fmt.Sprintf("%x", k.head[1:]) }

// Seal encrypts a secret with a data key of its own. Only Open with the same place gives it back.
func (k *Keys) Seal(plain []byte, place string) ([]byte, error) {
	data := make([]byte, keyBytes)
	if _, err := rand.Read(data); err != nil {
		return nil, fmt.Errorf("make a data key: %w", err)
	}
	bound := k.bound(place)
	sealed := bytes.Clone(k.head)
	sealed = k.master.Seal(sealed, nil, data, bound)
	return gcm(data).Seal(sealed, nil, plain, bound), nil
}

// Open gives back what Seal sealed for the place. Another master key is class Config, TOW-282; what was changed, or sealed for another place, class
// Changed, TOW-283.
func (k *Keys) Open(sealed []byte, place string) ([]byte, error) {
	if len(sealed) < headBytes+wrappedBytes+gcmOverhead || sealed[0] != sealForm {
		return nil, damaged(place)
	}
	if !bytes.Equal(sealed[:headBytes], k.head) {
		return nil, connector.Errorf(connector.Config, "TOW-282", "open the secret of %s: it was sealed by another master key, %x, not by %s", place, sealed[1:headBytes], k.ID()).
			WithHint("Start towpath with the master key of this control database, or set the secret again.")
	}
	bound := k.bound(place)
	rest := sealed[headBytes:]
	data, err := k.master.Open(nil, nil, rest[:wrappedBytes], bound)
	if err != nil {
		return nil, damaged(place)
	}
	plain, err := gcm(data).Open(nil, nil, rest[wrappedBytes:], bound)
	if err != nil {
		return nil, damaged(place)
	}
	return plain, nil
}

// bound is what both parts are authenticated with.
func (k *Keys) bound(place string) []byte { return append(bytes.Clone(k.head), place...) }

func damaged(place string) error {
	return connector.Errorf(connector.Changed, "TOW-283", "open the secret of %s: it is damaged, or was sealed for something else", place).
		WithHint("Set the secret again; somebody may have changed the control database by hand.")
}

// Format writes *** for every verb.
func (k Keys) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(Mask)) }

// MarshalJSON writes ***.
func (k Keys) MarshalJSON() ([]byte, error) { return []byte(`"` + Mask + `"`), nil }

// LogValue returns ***.
func (k Keys) LogValue() slog.Value { return slog.StringValue(Mask) }
