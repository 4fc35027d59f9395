"""Tables of what shows the cause of a failing call: the words of programs, and the sentences of people."""
