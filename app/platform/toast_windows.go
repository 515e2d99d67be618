package platform

// Toaster shows no messages here: Windows takes them only from programs that are installed
// with an identity of their own. The icon's colour tells the same.
type Toaster struct{}

// NewToaster returns one that shows nothing.
func NewToaster(string) *Toaster { return &Toaster{} }

// Show always fails with ErrNoToasts.
func (t *Toaster) Show(Toast, func()) error { return ErrNoToasts }

// Close has nothing to do.
func (t *Toaster) Close() error { return nil }
