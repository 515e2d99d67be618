package api

func init() {
	everyIntent = append(everyIntent,
		ConflictList{}, ConflictList{"f"}, ConflictResolve{Where{"", "/a"}, Theirs}, WhyAsk{Where{"f", "a"}})
}
