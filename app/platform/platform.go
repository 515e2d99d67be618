// Package platform asks the operating system what no file or socket of ours can tell, and
// tells its service manager how we are: whether the computer runs on a battery, whether
// its network is paid by the byte, and the words of sd_notify.
//
// It decides nothing: the host asks now and then and acts on the answers. What a system
// does not tell is answered with "not known", never with a guess.
package platform
