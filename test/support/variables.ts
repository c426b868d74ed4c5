/** Runs `use` with these variables of the environment, and restores what was. */
export async function withVariables<Value>(
	variables: Readonly<Record<string, string>>,
	use: () => Promise<Value>,
): Promise<Value> {
	const before = Object.keys(variables).map(
		(name) => [name, process.env[name]] as const,
	);
	Object.assign(process.env, variables);
	try {
		return await use();
	} finally {
		for (const [name, value] of before)
			if (value === undefined) delete process.env[name];
			else process.env[name] = value;
	}
}
