// Takes secrets out of text before it is kept or shown: values that the environment names as secrets, and what looks
// like one anywhere. The twin of python/captune_worker/redaction.py.

/** Environment variables that hold secrets, by their names. */
const secretName =
	/(^|_)(TOKEN|API_KEY|ACCESS_KEY|SECRET|SECRET_KEY|PASSWORD|PASSWD|CREDENTIALS?)$/i;

/** Shorter values would be found in harmless text. */
const shortestSecret = 8;

/** Tokens of the hub, of OpenAI, AWS and GitHub; passwords in URLs; what follows `Bearer`. */
const secretLooks =
	/\bhf_[A-Za-z0-9]{16,}|\bsk-[A-Za-z0-9_-]{20,}|\bAKIA[A-Z0-9]{16}\b|\bgh[opsu]_[A-Za-z0-9]{30,}|(?<=:\/\/[^/\s:@]*:)[^/\s@]+(?=@)|(?<=\bBearer )[A-Za-z0-9._~+/=-]{8,}/g;

/** What stands where a secret stood. */
const stars = "***";

/** What replaces secrets in a text: those of the environment as it is now, and `more`. */
export function redactor(
	more: readonly string[] = [],
	environment: NodeJS.ProcessEnv = process.env,
): (text: string) => string {
	const values = Object.entries(environment).flatMap(([name, value]) =>
		value && secretName.test(name) ? [value] : [],
	);
	const secrets = [...values, ...more]
		.filter((value) => value.length >= shortestSecret)
		// One that holds another is replaced whole.
		.sort((one, other) => other.length - one.length);
	return (text) =>
		secrets
			.reduce((clean, secret) => clean.replaceAll(secret, stars), text)
			.replace(secretLooks, stars);
}
