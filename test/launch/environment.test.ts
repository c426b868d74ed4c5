import {
	chmodSync,
	existsSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	renameSync,
	rmSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { execa, execaSync } from "execa";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { EnvironmentError } from "../../sdk/errors.js";
import {
	type EnvironmentOptions,
	ensureEnvironment,
	type InstallProgress,
} from "../../sdk/launch/environment.js";
import type { EnvironmentPlaces } from "../../sdk/launch/locate.js";
import { isWhole } from "../../sdk/launch/whole.js";
import { temporaryFolder } from "../support/folders.js";
import { pythonTest, testPython } from "../support/python.js";

// Two small packages stand for the gigabyte; everything else is the real thing.
const requirementsFolder = temporaryFolder();
writeFileSync(
	join(requirementsFolder, "pyproject.toml"),
	`[project]
requires-python = ">=3.11,<3.15"
dependencies = ["six>=1.16", "packaging>=25"]
[project.optional-dependencies]
tracker = ["no-such-tracker>=1"]
`,
);
const pins = readFileSync(
	new URL("../../python/constraints.txt", import.meta.url),
	"utf8",
)
	.split("\n")
	.filter((line) => /^(pip|packaging)==/.test(line));
writeFileSync(
	join(requirementsFolder, "constraints.txt"),
	[...pins, "six==1.17.0"].join("\n"),
);

const realPython = execaSync("python3", [
	"-c",
	"import sys; print(sys.executable)",
]).stdout;

/** A PATH with nothing but the given commands, each a shell script. */
function onPath(commands: Readonly<Record<string, string>>): string {
	const folder = temporaryFolder();
	for (const [name, script] of Object.entries(commands)) {
		writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`);
		chmodSync(join(folder, name), 0o755);
	}
	return folder;
}

/** An interpreter that says this of itself, and can do nothing. */
const claims = (facts: object) =>
	`echo '${JSON.stringify({
		executable: "/fake/python3",
		version: "3.11.7",
		platform: "linux",
		machine: "x86_64",
		glibc: "2.36",
		hasEnsurepip: true,
		...facts,
	})}'`;

async function inSurroundings<T>(
	variables: Readonly<Record<string, string | undefined>>,
	work: () => Promise<T>,
): Promise<T> {
	const before = { ...process.env };
	for (const [name, value] of Object.entries({
		CAPTUNE_PYTHON: undefined,
		...variables,
	}))
		if (value === undefined) delete process.env[name];
		else process.env[name] = value;
	try {
		return await work();
	} finally {
		process.env = before;
	}
}

const make = (
	options: EnvironmentOptions = {},
	places: EnvironmentPlaces = {},
) =>
	ensureEnvironment(options, {
		requirementsFolder,
		cache: temporaryFolder(),
		cwd: temporaryFolder(),
		...places,
	});

async function errorOf(promise: Promise<unknown>): Promise<EnvironmentError> {
	const error = await promise.then(
		() => assert.unreachable("It resolved."),
		(error) => error,
	);
	assert.instance(error, EnvironmentError);
	return error;
}

const { failed: offline } = await execa(
	realPython,
	[
		"-m",
		"pip",
		"download",
		"--quiet",
		"--no-deps",
		"--dest",
		temporaryFolder(),
		"six",
	],
	{ reject: false, timeout: 30_000 },
);
/** Where the first test makes one, and the second finds it. */
const whole = temporaryFolder();
const onlineTest = offline ? test.skip : test;
if (offline) console.log("skipped: the package index cannot be reached");

onlineTest(
	"an environment is made with its size told first, then reused, and repaired when it is broken",
	async () => {
		const cache = whole;
		const told: InstallProgress[] = [];
		// Either may be the one that installs; the other says that it waits.
		const options = {
			onProgress: (one: InstallProgress) => {
				if (!one.message.startsWith("waiting")) told.push(one);
			},
		};
		const [first, second] = await Promise.all([
			make(options, { cache }),
			make(options, { cache }),
		]);
		assert.equal(first, second, "the second waits for the first");
		assert.is(first.origin, "captune");
		assert.is(told[0]?.state, "started");
		assert.is(told.at(-1)?.state, "completed");
		const total = told.find(
			({ totalBytes }) => totalBytes !== null,
		)?.totalBytes;
		assert.ok(total && total > 20_000, `a size of ${total} bytes`);
		const { stdout } = await execa(first.python, [
			"-c",
			"import six; print(six.__version__)",
		]);
		assert.is(stdout, "1.17.0");

		const [key] = readdirSync(cache);
		const folder = join(cache, key as string);
		const site = readdirSync(join(folder, "lib"))[0] as string;
		const file = join(folder, "lib", site, "site-packages", "six.py");
		const text = readFileSync(file);
		const bin = join(folder, "bin");
		const marker = join(folder, "captune.json");
		const mended: [() => void, () => void][] = [
			[
				() => writeFileSync(file, "half of it"),
				() => writeFileSync(file, text),
			],
			...[bin, marker].map((path): [() => void, () => void] => [
				() => renameSync(path, `${path}.gone`),
				() => renameSync(`${path}.gone`, path),
			]),
		];
		for (const [damage, mend] of mended) {
			assert.ok(isWhole(folder));
			damage();
			assert.not.ok(isWhole(folder));
			mend();
		}
		assert.ok(isWhole(folder));
		rmSync(file);
		const again: InstallProgress[] = [];
		await make({ onProgress: (one) => again.push(one) }, { cache });
		assert.match(again[0]?.message ?? "", "repairing");
		assert.ok(isWhole(folder));
		const quiet: InstallProgress[] = [];
		await make({ onProgress: (one) => quiet.push(one) }, { cache });
		assert.equal(quiet, [], "a whole one is used as it is");
		assert.equal(
			readdirSync(cache).filter((name) => name.endsWith(".lock")),
			[],
		);

		const project = temporaryFolder();
		symlinkSync(folder, join(project, ".venv"));
		assert.is((await make({}, { cwd: project })).origin, "project");
		assert.is((await make({ python: first.python })).origin, "given");
	},
);

onlineTest(
	"a project's .venv that lacks something is passed over, and said so",
	async () => {
		const project = temporaryFolder();
		await execa(realPython, [
			"-m",
			"venv",
			"--without-pip",
			join(project, ".venv"),
		]);
		const notices: string[] = [];
		const { origin } = await make(
			{ onNotice: (message) => notices.push(message) },
			{ cache: whole, cwd: project },
		);
		assert.is(origin, "captune");
		assert.match(notices[0] ?? "", /\.venv.*lacks.*packaging/);
		assert.not(
			existsSync(
				join(project, ".venv", "lib", "python3.11", "site-packages", "six.py"),
			),
		);
	},
);

test("no Python, too old, too new: what was tried and what is needed", async () => {
	const cases = [
		[{}, "PYTHON_NOT_FOUND", /python3 \(not found\)/],
		[{ python3: "exit 1" }, "PYTHON_NOT_FOUND", /python3 \(.+\)/],
		[{ python3: claims({ version: "3.9.2" }) }, "PYTHON_TOO_OLD", /3\.9\.2/],
		[{ python3: claims({ version: "3.15.0" }) }, "PYTHON_TOO_NEW", /3\.15\.0/],
	] as const;
	for (const [commands, code, message] of cases) {
		const cache = temporaryFolder();
		const error = await inSurroundings({ PATH: onPath(commands) }, () =>
			errorOf(make({}, { cache })),
		);
		assert.is(error.code, code);
		assert.match(error.message, message);
		assert.match(error.message, ">=3.11,<3.15");
		assert.match(error.message, "CAPTUNE_PYTHON");
		assert.equal(readdirSync(cache), []);
	}
});

test("an interpreter further down the list serves when the first does not", async () => {
	const error = await inSurroundings(
		{
			PATH: onPath({
				python3: claims({ version: "3.16.0" }),
				"python3.12": claims({ version: "3.12.1", hasEnsurepip: false }),
			}),
		},
		() => errorOf(make()),
	);
	assert.is(error.code, "PYTHON_NO_ENSUREPIP");
	assert.match(error.message, "3.12.1");
	assert.match(error.message, "apt install python3-venv");
});

test("platforms that torch has no build for are named before anything is fetched", async () => {
	for (const [facts, said] of [
		[{ machine: "riscv64" }, "riscv64"],
		[{ glibc: "" }, "without glibc"],
		[{ glibc: "2.17" }, "glibc 2.17"],
		[{ platform: "darwin", glibc: "" }, "darwin on x86_64"],
		[{ platform: "win32", machine: "amd64", glibc: "" }, "win32"],
	] as const) {
		const error = await inSurroundings(
			{ PATH: onPath({ python3: claims(facts) }) },
			() => errorOf(make()),
		);
		assert.is(error.code, "PLATFORM_UNSUPPORTED");
		assert.match(error.message, said);
	}
});

test("without a network the error says so, and nothing half-made stays", async () => {
	const cache = temporaryFolder();
	const error = await inSurroundings(
		{
			PIP_CONFIG_FILE: "/dev/null",
			PIP_FIND_LINKS: undefined,
			PIP_EXTRA_INDEX_URL: undefined,
			PIP_INDEX_URL: "http://127.0.0.1:9/simple",
			PIP_NO_CACHE_DIR: "1",
		},
		() => errorOf(make({}, { cache })),
	);
	assert.is(error.code, "INSTALL_NO_NETWORK");
	assert.match(error.message, "wheels");
	assert.equal(readdirSync(cache), []);
});

test("a full disk is told apart", async () => {
	const cache = temporaryFolder();
	const mounted = await execa(
		"mount",
		["-t", "tmpfs", "-o", "size=6m", "tmpfs", cache],
		{ reject: false },
	);
	if (mounted.failed) {
		console.log("skipped: a small file system needs the right to mount one");
		return;
	}
	try {
		const error = await errorOf(make({}, { cache }));
		assert.is(error.code, "INSTALL_NO_SPACE");
		assert.match(error.message, "CAPTUNE_HOME");
		assert.equal(readdirSync(cache), []);
	} finally {
		await execa("umount", [cache]);
	}
});

pythonTest(
	"an extra is asked of a given interpreter only where a run needs it",
	async () => {
		const python = testPython as string;
		assert.equal(await make({ python }), { python, origin: "given" });
		const error = await errorOf(make({ python, extras: ["tracker"] }));
		assert.is(error.code, "PYTHON_PACKAGES_MISSING");
		assert.equal(error.issues, [
			{ path: "no-such-tracker>=1", reason: "not installed" },
		]);
	},
);

test("an interpreter that is given is checked, never changed, and each missing package is named", async () => {
	const folder = join(temporaryFolder(), "bare");
	await execa(realPython, ["-m", "venv", "--without-pip", folder]);
	const python = join(folder, "bin", "python");
	const site = join(
		folder,
		"lib",
		readdirSync(join(folder, "lib"))[0] as string,
		"site-packages",
	);
	mkdirSync(join(site, "packaging-25.0.dist-info"), { recursive: true });
	for (const surroundings of [{}, { CAPTUNE_PYTHON: python }]) {
		const error = await inSurroundings(surroundings, () =>
			errorOf(make("CAPTUNE_PYTHON" in surroundings ? {} : { python })),
		);
		assert.is(error.code, "PYTHON_PACKAGES_MISSING");
		assert.match(error.message, python);
		assert.ok(error.issues.length > 0);
	}
	assert.equal(readdirSync(site), ["packaging-25.0.dist-info"]);
	const none = await errorOf(make({ python: "/nowhere/python" }));
	assert.is(none.code, "PYTHON_NOT_FOUND");
	assert.match(none.message, "/nowhere/python");
	const old = onPath({ python3: claims({ version: "3.8.1" }) });
	assert.is(
		(await errorOf(make({ python: join(old, "python3") }))).code,
		"PYTHON_TOO_OLD",
	);
});

onlineTest("giving up while it installs leaves nothing behind", async () => {
	const cache = temporaryFolder();
	const aborter = new AbortController();
	const making = make(
		{
			signal: aborter.signal,
			onProgress: ({ state }) => {
				// pip has just been started.
				if (state === "progress") setTimeout(() => aborter.abort(), 50);
			},
		},
		{ cache },
	);
	const error = await making.catch((error) => error);
	assert.is(error.code, "CANCELED");
	assert.equal(readdirSync(cache), []);
});

test.run();
