package web

import (
	"context"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/meet"
)

// act does what a form asks for.
type act func(ctx context.Context, s *Server, f url.Values) error

// acts are all forms of the page, by the last part of their address.
var acts = map[string]act{
	"pause": func(ctx context.Context, s *Server, f url.Values) error {
		return s.order(ctx, api.Pause{What: f.Get("what")})
	},
	"pause-hour": func(ctx context.Context, s *Server, _ url.Values) error {
		return s.order(ctx, api.Pause{ForMillis: time.Hour.Milliseconds()})
	},
	"resume": func(ctx context.Context, s *Server, f url.Values) error {
		return s.order(ctx, api.Resume{What: f.Get("what")})
	},
	"add-folder": addFolder,
	"folder-accept": func(ctx context.Context, s *Server, f url.Values) error {
		return s.order(ctx, api.FolderAccept{Folder: f.Get("folder"), Path: strings.TrimSpace(f.Get("path"))})
	},
	"folder-decline": func(ctx context.Context, s *Server, f url.Values) error {
		return s.order(ctx, api.FolderDecline{Folder: f.Get("folder")})
	},
	"resolve": func(ctx context.Context, s *Server, f url.Values) error {
		at, err := where(f)
		if err != nil {
			return err
		}
		return s.order(ctx, api.ConflictResolve{Where: at, Keep: api.Keep(f.Get("keep"))})
	},
	"held": func(ctx context.Context, s *Server, f url.Values) error {
		return s.order(ctx, api.HeldAnswer{Folder: f.Get("folder"), ID: f.Get("id"), Approve: f.Get("answer") == "approve"})
	},
	"restore": func(ctx context.Context, s *Server, f url.Values) error {
		at, err := where(f)
		if err != nil {
			return err
		}
		return s.order(ctx, api.TrashRestore{Where: at, Version: f.Get("version")})
	},
	"link-show": func(_ context.Context, s *Server, f url.Values) error {
		s.table.Begin(api.LinkRequest{Folders: f["folder"]})
		return nil
	},
	"link-enter": func(_ context.Context, s *Server, f url.Values) error {
		code := strings.TrimSpace(f.Get("code"))
		if code == "" {
			return api.Errorf(api.Usage, "the code is empty: it looks like 4829-otter-maple")
		}
		s.table.Begin(api.LinkRequest{Code: code})
		return nil
	},
	"link-nearby": func(_ context.Context, s *Server, f url.Values) error {
		s.table.Begin(api.LinkRequest{Nearby: f.Get("id")})
		return nil
	},
	"link-approve": func(_ context.Context, s *Server, f url.Values) error {
		s.table.Begin(api.LinkRequest{Approve: f.Get("id"), Words: f.Get("words")})
		return nil
	},
	"link-answer": func(ctx context.Context, s *Server, f url.Values) error {
		places := map[string]string{}
		for key, values := range f {
			if id, ok := strings.CutPrefix(key, "place-"); ok {
				places[id] = values[0]
			}
		}
		return s.table.Answer(ctx, f.Get("answer") == "yes", places)
	},
	"link-stop": func(_ context.Context, s *Server, _ url.Values) error {
		s.table.Stop()
		return nil
	},
	"refuse": func(ctx context.Context, s *Server, f url.Values) error {
		return s.order(ctx, api.DeviceRemove{Device: f.Get("id")})
	},
}

func where(f url.Values) (api.Where, error) {
	path, err := url.PathUnescape(f.Get("path"))
	if err != nil {
		return api.Where{}, api.Errorf(api.Usage, "path %q: %v", f.Get("path"), err)
	}
	return api.Where{Folder: f.Get("folder"), Path: path}, nil
}

func addFolder(ctx context.Context, s *Server, f url.Values) error {
	path := strings.TrimSpace(f.Get("path"))
	if !filepath.IsAbs(path) {
		return api.Errorf(api.Usage, "%q: want the full path of a directory on this device", path)
	}
	added := api.FolderAdd{Path: path, Name: strings.TrimSpace(f.Get("name"))}
	var folder api.Folder
	if err := s.ask(ctx, added, &folder); err != nil {
		return err
	}
	for _, device := range f["device"] {
		if err := s.order(ctx, api.FolderShare{Folder: folder.ID.String(), Device: device}); err != nil {
			return err
		}
	}
	return nil
}

// doing checks a form and does what it asks for. Then the page is shown again, with what
// went wrong, if anything did.
func (s *Server) doing(do act) func(http.ResponseWriter, *http.Request, guest) {
	return func(w http.ResponseWriter, r *http.Request, g guest) {
		if err := r.ParseForm(); err != nil || r.PostFormValue("form") != g.Form {
			http.Error(w, "This form is too old: load the page anew.", http.StatusForbidden)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), askTimeout)
		defer cancel()
		if err := do(ctx, s, r.PostForm); err != nil {
			s.drawPage(w, r, g, err.Error())
			return
		}
		back := "/"
		if r.PostFormValue("back") == "trash" {
			back = "/trash"
		} else if s.table.State().Stage != meet.Nothing {
			back = "/#link"
		}
		http.Redirect(w, r, back, http.StatusSeeOther)
	}
}
