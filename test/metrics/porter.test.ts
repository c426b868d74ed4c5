import { test } from "uvu";
import * as assert from "uvu/assert";
import { stem } from "../../sdk/metrics/porter.js";
import { askOracle, oracleTest } from "./oracle.js";
import { below, pick, seeded, times } from "./random.js";

/** Stems by nltk's PorterStemmer, one or more words for each rule and each exception. */
const known = `
caresses:caress ponies:poni ties:tie dies:die flies:fli cats:cat caress:caress gas:ga news:news
sky:sky skies:sky dying:die lying:lie tying:tie innings:inning inning:inning outings:outing
outing:outing cannings:canning canning:canning howe:howe proceed:proceed exceed:exceed
succeed:succeed feed:feed agreed:agre freed:freed died:die spied:spi tried:tri plastered:plaster
bled:bled motoring:motor sing:sing conflated:conflat troubled:troubl sized:size hopping:hop
tanned:tan falling:fall hissing:hiss fizzed:fizz failing:fail filing:file owing:owe using:use
eyeing:eye buying:buy dyed:dy added:ad egging:eg happy:happi enjoy:enjoy spy:spi by:by try:tri
say:say syzygy:syzygi toy:toy yyyy:yyyi relational:relat conditional:condit rational:ration
valenci:valenc hesitanci:hesit digitizer:digit conformabli:conform radicalli:radic
operationalli:oper differentli:differ vileli:vile analogousli:analog vietnamization:vietnam
predication:predic operator:oper feudalism:feudal decisiveness:decis hopefulness:hope
callousness:callous formaliti:formal sensitiviti:sensit sensibiliti:sensibl hopefulli:hope
theologi:theolog geologi:geolog logi:logi alli:alli nationalli:nation triplicate:triplic
formative:form formalize:formal electriciti:electr electrical:electr hopeful:hope goodness:good
revival:reviv allowance:allow inference:infer airliner:airlin gyroscopic:gyroscop adjustable:adjust
defensible:defens irritant:irrit replacement:replac adjustment:adjust dependent:depend
adoption:adopt explosion:explos opinion:opinion complexion:complexion homologou:homolog communism:commun activate:activ
angulariti:angular homologous:homolog effective:effect bowdlerize:bowdler element:element
cement:cement probate:probat rate:rate cease:ceas controll:control roll:roll installed:instal us:us
is:is it:it be:be a:a generalizations:gener oscillators:oscil 1990s:1990 a11ing:a1 747ed:747ed
sss:sss ies:i ing:ing ed:ed eed:eed ied:i zied:zie yed:yed yyed:yy multidimensionally:multidimension
`;

test("gives the stems of nltk for words of every rule", () => {
	const pairs = known
		.trim()
		.split(/\s+/)
		.map((pair) => pair.split(":"));
	assert.ok(pairs.length > 100);
	for (const [word, expected] of pairs)
		assert.is(stem(word as string), expected, word);
});

oracleTest(
	"equals nltk on 100,000 made-up words and the words of Python's library",
	() => {
		const made = makeWords(100_000);
		const stems = askOracle("porter_oracle.py", made) as [string, string][];
		assert.ok(stems.length >= 105_000);
		const wrong = stems.filter(([word, expected]) => stem(word) !== expected);
		assert.equal(wrong, []);
	},
);

const syllables =
	"b c d f g l ll m n p r s ss st t tt v w x y z zz bl br ch gr sh tr a e i o u y ea io oo ou 1 7".split(
		" ",
	);
const suffixes =
	"s es ies sses ss ed eed ied ing at bl iz y ational tional enci anci izer bli abli alli entli eli ousli ization ation ator alism iveness fulness ousness aliti iviti biliti fulli logi icate ative alize iciti ical ful ness al ance ence er ic able ible ant ement ment ent ion sion tion ou ism ate iti ous ive ize e l ll".split(
		" ",
	);

function makeWords(count: number): string[] {
	const random = seeded(3);
	const words = new Set<string>();
	while (words.size < count)
		words.add(
			[
				...times(below(random, 6), () => pick(random, syllables)),
				...times(below(random, 4), () => pick(random, suffixes)),
			].join(""),
		);
	return [...words];
}

test.run();
