"""Questions over the five handbooks of `corpus/`, with words of the sentence that answers each.

The questions share words with their answers, as those of people who know the subject do; paraphrases without a common
word are beyond lexical retrieval. Weights and floor were chosen looking at all of these questions: the tests guard
against a worse method, they do not estimate how well other documents are served.
"""

from __future__ import annotations

ANSWERABLE = (
    ("How often does the ferry leave?", "leaves the north pier every forty minutes"),
    ("What does a ticket for an adult cost?", "costs four crowns"),
    ("When are crossings suspended because of wind?", "exceeds fifty knots"),
    ("How many cars fit on the deck?", "eighteen cars"),
    ("Where can I charge an electric car?", "two posts beside the stern ramp"),
    ("What should I do if the heating fails?", "emergency burners"),
    ("Why is tap water not used for orchids?", "too much lime"),
    ("How are spider mites fought?", "Predatory mites"),
    ("At what humidity must the dome stay closed?", "eighty-five percent humidity"),
    ("How big is the primary mirror?", "one meter and twenty centimeters"),
    ("How long are raw frames kept?", "ten years"),
    ("How long is a reader's card valid?", "three years"),
    ("How many boxes can I order per day?", "five boxes"),
    ("How much is a scan?", "thirty cents"),
    ("How long does the wort boil?", "seventy minutes"),
    ("At which temperature does lager yeast work?", "nine degrees for eight days"),
    ("Which signal calls passengers to the muster station?", "seven short blasts"),
    ("Who inspects the lifeboats?", "maritime authority"),
    ("Do dogs need a ticket?", "Dogs travel free"),
    ("When was the glass house restored?", "restored in 1998"),
    ("How long does a guided tour last?", "last one hour"),
    ("Do I need a permit to use a tripod?", "tripods need a permit"),
    ("How much does the mirror weigh?", "four\nhundred kilograms"),
    ("What kind of lamp is forbidden on the platform?", "White lamps"),
    ("When can guests visit the observatory?", "last Friday"),
    ("May I use a pen in the reading room?", "only pencils"),
    ("How are moths caught?", "pheromone traps"),
    ("How should I repair a torn page?", "do not repair them"),
    ("How many times can yeast be reused?", "seven\ngenerations"),
    ("What protection is required when handling caustic soda?", "Goggles and long gloves"),
    ("When are aroma hops added?", "five minutes before"),
    ("What is printed on each crate?", "batch number"),
)

UNANSWERABLE = (
    "What is the capital of France?",
    "Who won the football world cup?",
    "How do I reset my password?",
    "How many employees does the company have?",
    "What is the boiling point of mercury?",
    "Where can I park my bicycle at the brewery?",
    "What is the salary of the captain?",
    "Which database does the application use?",
    "Is there a restaurant on board?",
    "When was the telescope stolen?",
    "What color is the dome painted?",
    "Who founded the archive?",
    "How much does a loaf of bread cost?",
    "What is the email address of the supervisor?",
    "How do I compile the kernel for lager?",
    "How far away is the nearest galaxy?",
)
