package cli

// Commands lists the verbs in the order of the overview.
func Commands() []Command {
	return []Command{
		demoCommand(),
		upCommand(),
		runCommand(),
		explainCommand(),
		sqlCommand(),
		simulateCommand(),
		versionCommand(),
		docsCommand(),
		clickhouseServerCommand(),
	}
}
