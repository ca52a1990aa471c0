package main

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

type authenticator interface {
	// subject is the user that a request is made for; false when it may not be made.
	subject(r *http.Request) (string, bool)
}

func newAuthenticator() (authenticator, error) {
	if digest := os.Getenv("SERVICE_KEY_SHA256"); digest != "" {
		return serviceKey(digest), nil
	}
	keys, err := readKeys(os.Getenv("JWKS"))
	if err != nil {
		return nil, err
	}
	verifier := &jwtVerifier{keys: keys, issuer: os.Getenv("ISSUER"), audience: os.Getenv("AUDIENCE")}
	if os.Getenv("CACHE_BEARERS") == "1" {
		verifier.verified = make(map[[sha256.Size]byte]verifiedBearer)
	}
	return verifier, nil
}

func bearer(r *http.Request) (string, bool) {
	scheme, token, found := strings.Cut(r.Header.Get("Authorization"), " ")
	return token, found && strings.EqualFold(scheme, "Bearer")
}

// serviceKey is the digest of the key of a backend, which names the subject in a header.
type serviceKey string

func (key serviceKey) subject(r *http.Request) (string, bool) {
	token, ok := bearer(r)
	subject := r.Header.Get("Connect-Subject")
	return subject, ok && subject != "" && subtle.ConstantTimeCompare([]byte(digest(token)), []byte(key)) == 1
}

// jwtVerifier accepts JSON Web Tokens of one issuer, signed with RS256.
type jwtVerifier struct {
	keys             map[string]*rsa.PublicKey
	issuer, audience string

	mutex sync.Mutex
	// Bearers whose signature is good, by their digest; nil when none are kept.
	verified map[[sha256.Size]byte]verifiedBearer
}

type verifiedBearer struct {
	claims claims
	until  time.Time
}

const (
	mostVerified  = 10_000
	verifiedLives = time.Minute
)

type claims struct {
	Issuer    string          `json:"iss"`
	Audience  json.RawMessage `json:"aud"`
	Subject   string          `json:"sub"`
	Expires   float64         `json:"exp"`
	NotBefore float64         `json:"nbf"`
}

func (v *jwtVerifier) subject(r *http.Request) (string, bool) {
	token, ok := bearer(r)
	if !ok {
		return "", false
	}
	now := time.Now()
	claims, err := v.verify(token, now)
	seconds := float64(now.Unix())
	if err != nil || seconds >= claims.Expires || seconds < claims.NotBefore {
		return "", false
	}
	return claims.Subject, claims.Subject != ""
}

func (v *jwtVerifier) verify(token string, now time.Time) (claims, error) {
	if v.verified == nil {
		return v.verifySignature(token)
	}
	key := sha256.Sum256([]byte(token))
	v.mutex.Lock()
	found, ok := v.verified[key]
	v.mutex.Unlock()
	if ok && now.Before(found.until) {
		return found.claims, nil
	}
	claims, err := v.verifySignature(token)
	if err == nil {
		v.mutex.Lock()
		if len(v.verified) >= mostVerified {
			v.verified = make(map[[sha256.Size]byte]verifiedBearer)
		}
		v.verified[key] = verifiedBearer{claims, now.Add(verifiedLives)}
		v.mutex.Unlock()
	}
	return claims, err
}

var errToken = errors.New("not a good token")

func (v *jwtVerifier) verifySignature(token string) (claims claims, err error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return claims, errToken
	}
	var header struct {
		Algorithm string `json:"alg"`
		KeyID     string `json:"kid"`
	}
	if err := decodePart(parts[0], &header); err != nil {
		return claims, err
	}
	key := v.keys[header.KeyID]
	if header.Algorithm != "RS256" || key == nil {
		return claims, errToken
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return claims, err
	}
	hashed := sha256.Sum256([]byte(token[:len(parts[0])+1+len(parts[1])]))
	if err := rsa.VerifyPKCS1v15(key, crypto.SHA256, hashed[:], signature); err != nil {
		return claims, err
	}
	if err := decodePart(parts[1], &claims); err != nil {
		return claims, err
	}
	if claims.Issuer != v.issuer || !v.isFor(claims.Audience) {
		return claims, errToken
	}
	return claims, nil
}

// isFor is whether an audience, one or a list, names this service.
func (v *jwtVerifier) isFor(audience json.RawMessage) bool {
	var one string
	if json.Unmarshal(audience, &one) == nil {
		return one == v.audience
	}
	var several []string
	if json.Unmarshal(audience, &several) != nil {
		return false
	}
	for _, one := range several {
		if one == v.audience {
			return true
		}
	}
	return false
}

func decodePart(part string, into any) error {
	data, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, into)
}

func readKeys(path string) (map[string]*rsa.PublicKey, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var set struct {
		Keys []struct {
			KeyID string `json:"kid"`
			N     string `json:"n"`
		} `json:"keys"`
	}
	if err := json.Unmarshal(data, &set); err != nil {
		return nil, err
	}
	keys := make(map[string]*rsa.PublicKey)
	for _, key := range set.Keys {
		modulus, err := base64.RawURLEncoding.DecodeString(key.N)
		if err != nil {
			return nil, err
		}
		keys[key.KeyID] = &rsa.PublicKey{N: new(big.Int).SetBytes(modulus), E: 65537}
	}
	return keys, nil
}
