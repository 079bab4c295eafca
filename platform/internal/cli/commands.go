package cli

// Commands lists the verbs in the order of the overview.
func Commands() []Command {
	return []Command{
		upCommand(),
		versionCommand(),
		clickhouseServerCommand(),
	}
}
