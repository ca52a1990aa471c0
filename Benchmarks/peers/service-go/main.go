// A service that mints connect tokens and answers reads of their owners: what connect-bff does for these requests,
// written with Go's standard library and SQLite.
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	perSecond  = 1_000_000
	ratePolicy = `"mint";q=1000000;w=1`
)

type service struct {
	auth     authenticator
	limits   *limits
	store    *store
	flatpeak *flatpeak
	lines    *lineLog
}

// usage: service LISTEN UPSTREAM CA DATABASE
//
// The environment has SERVICE_KEY_SHA256, or JWKS, ISSUER and AUDIENCE; CACHE_BEARERS=1 keeps verified bearers.
func main() {
	store, err := openStore(os.Args[4])
	if err != nil {
		log.Fatal(err)
	}
	flatpeak, err := newFlatpeak("https://"+os.Args[2], os.Args[3])
	if err != nil {
		log.Fatal(err)
	}
	auth, err := newAuthenticator()
	if err != nil {
		log.Fatal(err)
	}
	s := &service{auth, newLimits(perSecond), store, flatpeak, newLineLog(os.Stdout)}
	mux := http.NewServeMux()
	mux.HandleFunc("/livez", s.logged("/livez", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Write([]byte("ok\n"))
	}))
	mux.HandleFunc("/v1/connect/sessions", s.logged("/v1/connect/sessions", s.authenticated(http.MethodPost, s.mint)))
	mux.HandleFunc("/v1/locations", s.logged("/v1/locations", s.authenticated(http.MethodGet, s.locations)))
	mux.HandleFunc("/v1/locations/", s.logged("/v1/locations/{id}/status", s.authenticated(http.MethodGet, s.status)))
	server := &http.Server{Addr: os.Args[1], Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	log.Fatal(server.ListenAndServe())
}

// logged gives a handler its request id, the headers of every answer, and its line in the log.
func (s *service) logged(route string, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		id := newRequestID()
		header := w.Header()
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		header.Set("Cache-Control", "no-store, no-transform")
		header.Set("X-Request-Id", id)
		recorder := &statusRecorder{w, http.StatusOK}
		next(recorder, r)
		s.lines.request(start, id, r.Method, route, recorder.status)
	}
}

type statusRecorder struct {
	http.ResponseWriter
	status int
}

func (r *statusRecorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

type userHandler func(w http.ResponseWriter, r *http.Request, subject string)

// authenticated passes on requests of a known subject that keep to its rate limit.
func (s *service) authenticated(method string, next userHandler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != method {
			fail(w, http.StatusMethodNotAllowed, "method_not_allowed")
			return
		}
		subject, ok := s.auth.subject(r)
		if !ok {
			fail(w, http.StatusUnauthorized, "unauthenticated")
			return
		}
		left, ok := s.limits.take(subject, time.Now())
		if !ok {
			fail(w, http.StatusTooManyRequests, "too_many_requests")
			return
		}
		if method == http.MethodPost {
			w.Header().Set("RateLimit-Policy", ratePolicy)
			w.Header().Set("RateLimit", `"mint";r=`+strconv.Itoa(left)+`;t=0`)
		}
		w.Header().Set("Vary", "Origin, Sec-Fetch-Site")
		next(w, r, subject)
	}
}

type mintRequest struct {
	Direction  string `json:"direction"`
	Type       string `json:"type"`
	LocationID string `json:"location_id"`
	ReturnURL  string `json:"return_url"`
}

type sessionAnswer struct {
	ConnectToken string `json:"connect_token"`
	ExpiresAt    string `json:"expires_at"`
	ID           string `json:"id"`
	LaunchURL    string `json:"launch_url"`
	LiveMode     bool   `json:"live_mode"`
	Object       string `json:"object"`
	State        string `json:"state"`
}

func (s *service) mint(w http.ResponseWriter, r *http.Request, subject string) {
	var request mintRequest
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&request); err != nil {
		fail(w, http.StatusBadRequest, "malformed_body")
		return
	}
	if request.LocationID != "" {
		if owned, err := s.store.owns(subject, request.LocationID); err != nil || !owned {
			fail(w, http.StatusNotFound, "not_found")
			return
		}
	}
	start := time.Now()
	minted, err := s.flatpeak.mint(request)
	if err != nil {
		fail(w, http.StatusBadGateway, "upstream_failed")
		return
	}
	session := session{
		id: "cs_" + randomHex(12), subject: subject, token: minted.ConnectToken, request: request,
		liveMode: minted.LiveMode, createdAt: start, expiresAt: start.Add(time.Duration(minted.ExpiresIn) * time.Second),
	}
	if err := s.store.add(session); err != nil {
		fail(w, http.StatusServiceUnavailable, "store_unavailable")
		return
	}
	s.lines.minted(start, session.id)
	answer(w, http.StatusCreated, sessionAnswer{
		session.token, session.expiresAt.UTC().Format(time.RFC3339), session.id,
		connectURL + "?fp_cot=" + session.token, session.liveMode, "connect_session", "created",
	})
}

type locationAnswer struct {
	ID             string `json:"id"`
	Object         string `json:"object"`
	ActionRequired string `json:"action_required,omitempty"`
}

type listAnswer struct {
	Data   []locationAnswer `json:"data"`
	Object string           `json:"object"`
}

func (s *service) locations(w http.ResponseWriter, r *http.Request, subject string) {
	locations, err := s.store.locations(subject)
	if err != nil {
		fail(w, http.StatusServiceUnavailable, "store_unavailable")
		return
	}
	answer(w, http.StatusOK, listAnswer{locations, "list"})
}

func (s *service) status(w http.ResponseWriter, r *http.Request, subject string) {
	location := strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/v1/locations/"), "/status")
	if owned, err := s.store.owns(subject, location); err != nil || !owned {
		fail(w, http.StatusNotFound, "not_found")
		return
	}
	status, err := s.flatpeak.status(location)
	if err != nil {
		fail(w, http.StatusBadGateway, "upstream_failed")
		return
	}
	action, err := s.store.action(location)
	if err != nil {
		fail(w, http.StatusServiceUnavailable, "store_unavailable")
		return
	}
	if action != "" {
		status["action_required"] = json.RawMessage(`"` + action + `"`)
	}
	answer(w, http.StatusOK, status)
}

func answer(w http.ResponseWriter, status int, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		fail(w, http.StatusInternalServerError, "internal")
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	w.Write(body)
}

func fail(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/problem+json; charset=utf-8")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"code": code, "status": status, "title": http.StatusText(status)})
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
