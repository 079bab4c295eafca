// Package registrytest is a schema registry in the process, for tests: the calls of Confluent's that clients make when they read and
// write records, with BACKWARD compatibility checked as far as field defaults go.
package registrytest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/hamba/avro/v2"
)

// Server is a registry. Set User or Token to ask for them.
type Server struct {
	URL         string
	User, Token string

	mu       sync.Mutex
	schemas  []string
	subjects map[string][]int // numbers of the versions
	down     int
	calls    int
}

// New starts a registry that stops with the test.
func New(t testing.TB) *Server {
	s := &Server{subjects: map[string][]int{}}
	h := httptest.NewServer(http.HandlerFunc(s.serve))
	s.URL = h.URL
	t.Cleanup(h.Close)
	return s
}

// Fail makes the next n calls fail as if the registry was starting.
func (s *Server) Fail(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = n
}

// Calls counts the calls that were answered.
func (s *Server) Calls() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

// Register registers a schema as a client would, without a check, and gives its number.
func (s *Server) Register(subject, schema string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.register(subject, schema)
}

func (s *Server) register(subject, schema string) int {
	id := slices.Index(s.schemas, schema) + 1
	if id == 0 {
		s.schemas = append(s.schemas, schema)
		id = len(s.schemas)
	}
	if !slices.Contains(s.subjects[subject], id) {
		s.subjects[subject] = append(s.subjects[subject], id)
	}
	return id
}

// Latest is the text of the newest schema of the subject.
func (s *Server) Latest(subject string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.subjects[subject]
	if len(v) == 0 {
		return ""
	}
	return s.schemas[v[len(v)-1]-1]
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fail := func(status, code int, message string) {
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]any{"error_code": code, "message": message})
	}
	if s.down > 0 {
		s.down--
		fail(http.StatusServiceUnavailable, 50003, "the store is not ready")
		return
	}
	s.calls++
	user, password, _ := r.BasicAuth()
	if s.User != "" && user+":"+password != s.User || s.Token != "" && r.Header.Get("Authorization") != "Bearer "+s.Token {
		fail(http.StatusUnauthorized, 401, "Unauthorized")
		return
	}
	if text, ok := strings.CutPrefix(r.URL.Path, "/schemas/ids/"); ok && r.Method == http.MethodGet {
		id, err := strconv.Atoi(text)
		if err != nil || id < 1 || id > len(s.schemas) {
			fail(http.StatusNotFound, 40403, "Schema "+text+" not found")
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"schema": s.schemas[id-1]})
		return
	}
	subject, ok := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, "/subjects/"), "/versions")
	if !ok || r.Method != http.MethodPost {
		fail(http.StatusNotFound, 404, "no such call")
		return
	}
	var in struct {
		Schema string `json:"schema"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		fail(http.StatusUnprocessableEntity, 42201, err.Error())
		return
	}
	next, err := avro.ParseWithCache(in.Schema, "", &avro.SchemaCache{})
	if err != nil {
		fail(http.StatusUnprocessableEntity, 42201, "Invalid schema: "+err.Error())
		return
	}
	if v := s.subjects[subject]; len(v) > 0 {
		last, err := avro.ParseWithCache(s.schemas[v[len(v)-1]-1], "", &avro.SchemaCache{})
		if err == nil {
			err = avro.NewSchemaCompatibility().Compatible(next, last)
		}
		if err != nil {
			fail(http.StatusConflict, 409, "Schema being registered is incompatible with an earlier schema: "+err.Error())
			return
		}
	}
	_ = json.NewEncoder(w).Encode(map[string]int{"id": s.register(subject, in.Schema)})
}
