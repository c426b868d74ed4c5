// How the reference is written: one page, by topic; types that other pages explain are linked to.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { topics } from "./topics.js";

// typedoc lives with this file outside the package, beside a TypeScript of its own.
const sdk = join(process.env.CAPTUNE_ROOT, "sdk");

/** Pages that explain every type of a generated module, field by field. */
const explained = {
	"spec/README.md": "spec/spec.generated.ts",
	"run/EVENTS.md": "run/event.generated.ts",
};

const typesOf = (module) =>
	[
		...readFileSync(join(sdk, module), "utf8").matchAll(
			/^export (?:interface|type) (\w+)/gm,
		),
	].map(([, name]) => name);

export default {
	entryPoints: [join(sdk, "index.ts")],
	tsconfig: join(sdk, "tsconfig.json"),
	plugin: ["typedoc-plugin-markdown", "./topics.js"],
	name: "captune",
	readme: "none",
	router: "module",
	entryFileName: "API",
	disableSources: true,
	excludeInternal: true,
	excludePrivate: true,
	excludeExternals: true,
	externalPattern: ["**/node_modules/**", "**/*.generated.ts"],
	externalSymbolLinkMappings: {
		captune: Object.fromEntries(
			Object.entries(explained).flatMap(([page, module]) =>
				typesOf(module).map((name) => [name, page]),
			),
		),
	},
	intentionallyNotExported: [
		"ReadyMessage",
		"splits",
		"textMetricNames",
		"tokenMetricNames",
	],
	preservedTypeAnnotationTags: ["@throws"],
	treatWarningsAsErrors: true,
	categorizeByGroup: false,
	categoryOrder: topics.map(([topic]) => topic),
	sort: ["kind", "source-order"],
	kindSortOrder: ["Function", "Class", "Interface", "TypeAlias", "Variable"],
	hidePageHeader: true,
	hideBreadcrumbs: true,
	hidePageTitle: true,
	hideGroupHeadings: true,
	useCodeBlocks: true,
	parametersFormat: "table",
	interfacePropertiesFormat: "table",
	classPropertiesFormat: "table",
	typeAliasPropertiesFormat: "table",
	propertyMembersFormat: "table",
	typeDeclarationFormat: "table",
	tableColumnSettings: {
		hideDefaults: true,
		hideInherited: true,
		hideModifiers: true,
		hideOverrides: true,
		hideSources: true,
	},
};
