[
  inputs: [
    "{mix,.formatter}.exs",
    "{mix,lib,test,bench}/**/*.{ex,exs}",
    "examples/*/{mix,.formatter}.exs",
    "examples/*/{lib,test,config}/**/*.{ex,exs}"
  ],
  line_length: 110
]
