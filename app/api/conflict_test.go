package api

func init() {
	everyIntent = append(everyIntent,
		FolderVerify{"f"}, ConflictList{}, ConflictList{"f"}, ConflictResolve{Where{Path: "/a", Listed: "a"}, Theirs}, WhyAsk{Where{Folder: "f", Path: "a"}}, SwarmAsk{"f"})
}
