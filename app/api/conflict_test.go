package api

func init() {
	everyIntent = append(everyIntent,
		FolderVerify{"f"}, ConflictList{}, ConflictList{"f"}, ConflictResolve{Where{"", "/a"}, Theirs}, WhyAsk{Where{"f", "a"}})
}
