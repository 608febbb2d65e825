"""What was typed and cannot be sent. Imports no gRPC, for what works on files alone."""

from collections.abc import Callable


class Word(str):
    """A fact that is a word of ours, like the kind of thing that was looked for."""

    __slots__ = ()


class BadInput(Exception):  # noqa: N818 (it is no error of the program)
    """What was typed cannot be sent; exit status 2.

    `template` and `facts` make a sentence for the person who typed it: in English, or as `told` in another
    language. Without facts the template is the sentence.
    """

    def __init__(self, template: str, /, **facts: object) -> None:
        super().__init__(template)
        self.template = template
        self.facts = facts

    def __str__(self) -> str:
        return self.told(str)

    def told(self, translated: Callable[[str], str]) -> str:
        """The sentence in the language into which `translated` brings the template and each `Word`."""
        sentence = translated(self.template)
        if not self.facts:
            return sentence
        return sentence.format(
            **{
                name: translated(fact) if isinstance(fact, Word) else fact
                for name, fact in self.facts.items()
            }
        )
