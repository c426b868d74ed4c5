// Arranges the reference: every export under the topic of the file it is written in, and nothing told twice.
import { Comment, CommentTag, Converter, ReflectionKind } from "typedoc";

/** In reading order; a path below `sdk/` belongs to the first whose pattern it fits. */
export const topics = [
	["Train", /^(finetune|resume|attach|options)\.|^run\/(?!conclusion)/],
	["Evaluate", /^evaluate\.|^run\/conclusion/],
	["The spec", /^(spec|recipes)\//],
	["Data and preview", /^(data|preview)\//],
	["Scores", /^metrics\//],
	["Use and export", /^load-model\.|^(serving|export)\//],
	["Look at a run", /^(report|terminal|notebook)\//],
	["Try a spec first", /^smoke/],
	["Python and this machine", /^(inspect|launch)\//],
	["Errors", /^errors/],
];

export function load({ converter }) {
	converter.on(Converter.EVENT_RESOLVE_BEGIN, sortByTopic, 1000);
	converter.on(Converter.EVENT_RESOLVE_END, tidy);
}

function sortByTopic({ project }) {
	for (const reflection of project.children ?? []) {
		const { packagePath } = project.getSymbolIdFromReflection(reflection);
		const path = packagePath.replace(/^sdk\//, "");
		const topic = topics.find(([, pattern]) => pattern.test(path))?.[0];
		if (topic === undefined)
			throw new Error(`Name the topic of ${path} in sdk/api/topics.js.`);
		// A function's comment is that of its signatures.
		for (const one of [reflection, ...(reflection.signatures ?? [])]) {
			one.comment ??= new Comment();
			one.comment.blockTags.push(
				new CommentTag("@category", [{ kind: "text", text: topic }]),
			);
		}
	}
}

function tidy({ project }) {
	for (const one of project.getReflectionsByKind(ReflectionKind.ClassMember)) {
		const isSymbol = /^\[/.test(one.name);
		if (isSymbol || one.inheritedFrom) project.removeReflection(one);
	}
	// A parameter that is taken apart where it arrives has no name of its own.
	for (const one of project.getReflectionsByKind(ReflectionKind.Parameter))
		if (one.name.startsWith("__")) one.name = "options";
	for (const one of Object.values(project.reflections))
		for (const tag of one.comment?.blockTags ?? [])
			if (tag.tag === "@throws" && tag.typeAnnotation)
				tag.content.unshift({
					kind: "code",
					text: `\`${tag.typeAnnotation.replace(/^\{|\}$/g, "")}\` `,
				});
}
