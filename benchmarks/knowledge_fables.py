"""Forty of Aesop's fables, retold, and a question about each. The fables are two thousand years old."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple

# `same`: the question has the fable's words. `typing`: it has typing errors. `other`: it has other words.
Kind = Literal["same", "typing", "other"]


class Question(NamedTuple):
    """A question, the fable that answers it, and how its words relate to the fable's."""

    text: str
    fable: str
    kind: Kind


# The fables' texts by their titles.
FABLES = {
    title: " ".join(text.split())
    for title, _, text in (
        part.partition("\n") for part in Path(__file__).with_suffix(".md").read_text().removeprefix("# ").split("\n# ")
    )
}

QUESTIONS = [
    Question("Which fruit hung too high on the trellis?", "The Fox and the Grapes", "same"),
    Question("Who won the race although the other one was faster?", "The Tortoise and the Hare", "same"),
    Question("How did the thirsty crow reach the water in the pitcher?", "The Crow and the Pitcher", "same"),
    Question("Who gnawed the ropes of the lion?", "The Lion and the Mouse", "same"),
    Question("Why did nobody believe the shepherd boy?", "The Shepherd Boy and the Wolf", "same"),
    Question("What did the dog see from the bridge over the stream?", "The Dog and His Reflection", "same"),
    Question("Who laid a golden egg each day?", "The Goose with the Golden Eggs", "same"),
    Question("Who should tie the bell to the cat?", "Belling the Cat", "same"),
    Question("Who served dinner in a jar with a narrow neck?", "The Fox and the Stork", "same"),
    Question("What happened to the oak in the storm?", "The Oak and the Reeds", "same"),
    Question("What could the sons not break?", "The Bundle of Sticks", "same"),
    Question("Who drew the bone out of the throat of the wolf?", "The Wolf and the Crane", "same"),
    Question("What did the mountain bring forth?", "The Mountain in Labour", "same"),
    Question("Where did the wagon stick?", "Hercules and the Wagoner", "same"),
    Question("Who sat on the horn of the bull?", "The Gnat and the Bull", "same"),
    Question("the gras hoper begged the antts for food in wintr", "The Ant and the Grasshopper", "typing"),
    Question("mouse vists cosin in twon, cakes an chese", "The Town Mouse and the Country Mouse", "typing"),
    Question("the fox prasied the crows fethers becuase of the chese", "The Fox and the Crow", "typing"),
    Question("the travelers cloke, wnd and sunn", "The Wind and the Sun", "typing"),
    Question("dog snarrled at oxens in the mangr", "The Dog in the Manger", "typing"),
    Question("wolf whith the fleese of a sheeep", "The Wolf in Sheep's Clothing", "typing"),
    Question("milk mayd tosed her hed and spilld the milk", "The Milkmaid and Her Pail", "typing"),
    Question("frogs wnated a kng, jupitter sent a hron", "The Frogs Who Desired a King", "typing"),
    Question("an as with a lions skinn brayd", "The Ass in the Lion's Skin", "typing"),
    Question("astronommer fel in a wel", "The Astronomer", "typing"),
    Question("filbrts in a jarr, the boys fisst stuck", "The Boy and the Filberts", "typing"),
    Question("peeacock mockd the crane for gray fethers", "The Peacock and the Crane", "typing"),
    Question("How do two companions react when a wild animal attacks?", "The Bear and the Two Travellers", "other"),
    Question("Is wealth of any use if you never spend it?", "The Miser and His Gold", "other"),
    Question("Being wounded by a weapon made from one's own body", "The Eagle and the Arrow", "other"),
    Question("Someone recommends his own disfigurement to everybody", "The Fox Who Lost His Tail", "other"),
    Question("A labourer wishes to die and changes his mind", "The Old Man and Death", "other"),
    Question("A lazy donkey tries to lighten its burden by a trick", "The Salt Merchant and His Ass", "other"),
    Question("A bird in the hand is worth two in the bush", "The Fisherman and the Little Fish", "other"),
    Question("A wife who still chases rodents", "The Cat and the Maiden", "other"),
    Question("Why should the weak avoid the company of the powerful?", "The Two Pots", "other"),
    Question("What we are proud of may be our undoing", "The Stag at the Pool", "other"),
    Question("Hard work is the real inheritance", "The Farmer and His Sons", "other"),
    Question("Changing sides makes you an outcast", "The Bat, the Birds and the Beasts", "other"),
    Question("The mighty keep the whole prey for themselves", "The Lion's Share", "other"),
]
