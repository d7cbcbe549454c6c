// The grammar of the language (docs/LANGUAGE.md). Newlines are white space here; filter.c, between the lexer and this
// parser, knows lines and indentation: it finds the place to go on after an error and marks it by RESYNC.
%require "3.8"
%define api.pure full
%define api.prefix {parser_}
%define api.token.prefix {TOK_}
%define api.location.type {Span}
%define api.value.type union
%define parse.lac full
%define parse.error custom
%locations
%expect 0
%param {Filter *f}

%code requires {
#include "frontend/ast.h"
typedef struct Filter Filter;
}

%code {
#include "frontend/filter.h"
#include "frontend/syntax.h"

#define YYMAXDEPTH 4000 // brackets nest no deeper than filter.c allows; this stops chains of unary operators
#define YYLLOC_DEFAULT(at, rhs, n)                                                                                     \
  (at) = (n) ? (Span){YYRHSLOC(rhs, 1).file, YYRHSLOC(rhs, 1).begin, YYRHSLOC(rhs, n).end}                             \
             : (Span){YYRHSLOC(rhs, 0).file, YYRHSLOC(rhs, 0).end, YYRHSLOC(rhs, 0).end}
#define A (f->arena)

static int yylex(YYSTYPE *value, Span *span, Filter *f) { return filter_next(f, value, span); }
// Only for a parser stack that overflows; every other error comes by yyreport_syntax_error.
static void yyerror(Span *at, Filter *f, const char *what) {
  (void)what;
  diag_error(f->diag, *at, "this nests too deeply");
}
}

%initial-action { @$ = (Span){f->lexer.file, 0, 0}; }

%token END 0 "end of file"
%token <int64_t> INT "number"
%token <double> FLOAT "fraction"
%token <const char *> NAME "name" STRING "string" PATH_TEXT "path"
%token NN "'nn'" USE "'use'" PARAM "'param'" LET "'let'" BLOCK "'block'" MODEL "'model'" WEIGHTS "'weights'"
%token META "'meta'" FOR "'for'" IN "'in'" IF "'if'" ELSE "'else'" ASSERT "'assert'" TIED "'tied'" TRAIN "'train'"
%token TRUE "'true'" FALSE "'false'"
%token ARROW "'->'" PIPE "'|>'" DOTDOT "'..'" AT "'@path'" PATH_OPEN "'{'" PATH_CLOSE "closing '}'"
%token EQ "'=='" NE "'!='" LE "'<='" GE "'>='" AND "'&&'" OR "'||'" FLOORDIV "'//'"
%token RESYNC "recovery"

%right '?' ':'
%left OR
%left AND
%nonassoc EQ NE
%left '<' '>' LE GE
%left '+' '-'
%left '*' '/' '%' FLOORDIV
%precedence UNARY

%type <ItemList> items
%type <Item *> item
%type <ItemKind> def_word
%type <ParamList> params param_list results
%type <Param *> param result
%type <TypeExpr *> type
%type <ExprList> values value_list
%type <StmtList> statements
%type <Stmt *> body statement if_statement else_part
%type <NameList> targets
%type <Name *> name
%type <Pattern *> pattern
%type <PatternList> patterns
%type <MetaItemList> meta_items
%type <Expr *> value expr postfix primary call pipeline pipe_head stage opt_value
%type <ArgList> args arg_list
%type <Arg *> arg
%type <Suffix> suffix
%type <PathPartList> path
%type <PathPart *> path_part
%type <SubscriptList> subscripts
%type <Subscript *> subscript
%%

file: NN INT items                        { filter_version(f, @2, $2); f->items = $3.first; }

items: %empty                             { $$ = (ItemList){0}; }
  | items item                            { $$ = ast_append($1, $2); }

item: USE STRING                          { $$ = ast_use(A, @2, $2); }
  | PARAM name '=' value                  { $$ = ast_global(A, @$, ITEM_PARAM, $2, $4); }
  | LET targets '=' value                 { $$ = ast_global(A, @$, ITEM_LET, $2.first, $4); }
  | def_word name '(' params ')' ARROW results body
                                          { $$ = ast_def(A, @$, $1, $2, $4.first, $7.first, $8); }
  | ';'                                   { $$ = NULL; }
  | error RESYNC                          { $$ = NULL; yyerrok; }
  | error RESYNC body                     { $$ = NULL; yyerrok; }

def_word: BLOCK                           { $$ = ITEM_BLOCK; }
  | MODEL                                 { $$ = ITEM_MODEL; }

params: %empty                            { $$ = (ParamList){0}; }
  | param_list
  | param_list ','
param_list: param                         { $$ = ast_append((ParamList){0}, $1); }
  | param_list ',' param                  { $$ = ast_append($1, $3); }
param: result
  | name '=' value                        { $$ = ast_param(A, $1, NULL, $3); }
  | name ':' type '=' value               { $$ = ast_param(A, $1, $3, $5); }
results: result                           { $$ = ast_append((ParamList){0}, $1); }
  | results ',' result                    { $$ = ast_append($1, $3); }
result: name                              { $$ = ast_param(A, $1, NULL, NULL); }
  | name ':' type                         { $$ = ast_param(A, $1, $3, NULL); }

type: '[' values ']'                      { $$ = ast_type(A, @$, NULL, $2.first, NULL); }
  | name '[' values ']'                   { $$ = ast_type(A, @$, $1, $3.first, NULL); }
  | name '[' values ']' name              { $$ = ast_type(A, @$, $1, $3.first, $5); }

body: '{' statements '}'                  { $$ = $2.first; }
statements: %empty                        { $$ = (StmtList){0}; }
  | statements statement                  { $$ = ast_append($1, $2); }

statement: targets '=' value              { $$ = ast_bind(A, @$, STMT_ASSIGN, $1.first, $3); }
  | LET targets '=' value                 { $$ = ast_bind(A, @$, STMT_LET, $2.first, $4); }
  | FOR pattern IN value body             { $$ = ast_for(A, @$, $2, $4, NULL, $5); }
  | FOR pattern IN value DOTDOT value body
                                          { $$ = ast_for(A, @$, $2, $4, $6, $7); }
  | if_statement
  | ASSERT value                          { $$ = ast_assert(A, @$, $2, NULL); }
  | ASSERT value ',' value                { $$ = ast_assert(A, @$, $2, $4); }
  | WEIGHTS value                         { $$ = ast_weights(A, @$, $2); }
  | META '{' meta_items '}'               { $$ = ast_meta(A, @$, $3.first); }
  | ';'                                   { $$ = NULL; }
  | error RESYNC                          { $$ = NULL; yyerrok; }
  | error RESYNC body else_part           { $$ = NULL; yyerrok; }

if_statement: IF value body else_part     { $$ = ast_if(A, @$, $2, $3, $4); }
else_part: %empty                         { $$ = NULL; }
  | ELSE body                             { $$ = $2; }
  | ELSE if_statement                     { $$ = $2; }

targets: name                             { $$ = ast_append((NameList){0}, $1); }
  | targets ',' name                      { $$ = ast_append($1, $3); }
name: NAME                                { $$ = ast_name(A, @1, $1); }

pattern: name                             { $$ = ast_pattern(A, @$, $1, NULL); }
  | '(' patterns ')'                      { $$ = ast_pattern(A, @$, NULL, $2.first); }
  | '(' patterns ',' ')'                  { $$ = ast_pattern(A, @$, NULL, $2.first); }
patterns: pattern                         { $$ = ast_append((PatternList){0}, $1); }
  | patterns ',' pattern                  { $$ = ast_append($1, $3); }

meta_items: %empty                        { $$ = (MetaItemList){0}; }
  | meta_items name '=' value             { $$ = ast_append($1, ast_meta_item(A, $2, $4)); }
  | meta_items ','
  | meta_items ';'

value: expr
  | pipeline
values: %empty                            { $$ = (ExprList){0}; }
  | value_list
  | value_list ','
value_list: value                         { $$ = ast_append((ExprList){0}, $1); }
  | value_list ',' value                  { $$ = ast_append($1, $3); }

pipeline: pipe_head PIPE stage            { $$ = ast_pipe($3, @$, $1); }
pipe_head: postfix
  | pipeline
stage: name suffix                        { $$ = ast_call(A, @$, $1, NULL, $2); }
  | name '(' args ')' suffix              { $$ = ast_call(A, @$, $1, $3.first, $5); }

expr: postfix
  | '-' expr %prec UNARY                  { $$ = ast_unary(A, @$, OPER_NEG, @1, $2); }
  | '!' expr %prec UNARY                  { $$ = ast_unary(A, @$, OPER_NOT, @1, $2); }
  | expr OR expr                          { $$ = ast_binary(A, @$, OPER_OR, @2, $1, $3); }
  | expr AND expr                         { $$ = ast_binary(A, @$, OPER_AND, @2, $1, $3); }
  | expr EQ expr                          { $$ = ast_binary(A, @$, OPER_EQ, @2, $1, $3); }
  | expr NE expr                          { $$ = ast_binary(A, @$, OPER_NE, @2, $1, $3); }
  | expr '<' expr                         { $$ = ast_binary(A, @$, OPER_LT, @2, $1, $3); }
  | expr '>' expr                         { $$ = ast_binary(A, @$, OPER_GT, @2, $1, $3); }
  | expr LE expr                          { $$ = ast_binary(A, @$, OPER_LE, @2, $1, $3); }
  | expr GE expr                          { $$ = ast_binary(A, @$, OPER_GE, @2, $1, $3); }
  | expr '+' expr                         { $$ = ast_binary(A, @$, OPER_ADD, @2, $1, $3); }
  | expr '-' expr                         { $$ = ast_binary(A, @$, OPER_SUB, @2, $1, $3); }
  | expr '*' expr                         { $$ = ast_binary(A, @$, OPER_MUL, @2, $1, $3); }
  | expr '/' expr                         { $$ = ast_binary(A, @$, OPER_DIV, @2, $1, $3); }
  | expr '%' expr                         { $$ = ast_binary(A, @$, OPER_MOD, @2, $1, $3); }
  | expr FLOORDIV expr                    { $$ = ast_binary(A, @$, OPER_FLOORDIV, @2, $1, $3); }
  | expr '?' value ':' expr               { $$ = ast_ternary(A, @$, $1, $3, $5); }

postfix: primary
  | postfix '[' subscripts ']'            { $$ = ast_index(A, @$, $1, $3.first); }
  | postfix '[' subscripts ',' ']'        { $$ = ast_index(A, @$, $1, $3.first); }
  | postfix '.' name                      { $$ = ast_field(A, @$, $1, $3); }

primary: INT                              { $$ = ast_int(A, @$, $1); }
  | FLOAT                                 { $$ = ast_float(A, @$, $1); }
  | STRING                                { $$ = ast_string(A, @$, $1); }
  | TRUE                                  { $$ = ast_bool(A, @$, true); }
  | FALSE                                 { $$ = ast_bool(A, @$, false); }
  | NAME                                  { $$ = ast_use_name(A, @$, $1); }
  | call
  | '(' value ')'                         { $$ = $2; }
  | '(' value ',' ')'                     { $$ = ast_list(A, @$, $2); }
  | '(' value ',' value_list ')'          { $2->next = $4.first; $$ = ast_list(A, @$, $2); }
  | '(' value ',' value_list ',' ')'      { $2->next = $4.first; $$ = ast_list(A, @$, $2); }
  | '[' values ']'                        { $$ = ast_list(A, @$, $2.first); }

call: NAME '(' args ')' suffix            { $$ = ast_call(A, @$, ast_name(A, @1, $1), $3.first, $5); }

args: %empty                              { $$ = (ArgList){0}; }
  | arg_list
  | arg_list ','
arg_list: arg                             { $$ = ast_append((ArgList){0}, $1); }
  | arg_list ',' arg                      { $$ = ast_append($1, $3); }
arg: value                                { $$ = ast_arg(A, NULL, $1); }
  | NAME '=' value                        { $$ = ast_arg(A, ast_name(A, @1, $1), $3); }

suffix: %empty                            { $$ = (Suffix){.span = @$}; }
  | TIED                                  { $$ = (Suffix){.tied = true, .span = @$}; }
  | AT path                               { $$ = (Suffix){.path = $2.first, .span = @$}; }
  | TIED AT path                          { $$ = (Suffix){.tied = true, .path = $3.first, .span = @$}; }
path: path_part                           { $$ = ast_append((PathPartList){0}, $1); }
  | path path_part                        { $$ = ast_append($1, $2); }
path_part: PATH_TEXT                      { $$ = ast_path_text(A, $1); }
  | PATH_OPEN value PATH_CLOSE            { $$ = ast_path_expr(A, $2); }

subscripts: subscript                     { $$ = ast_append((SubscriptList){0}, $1); }
  | subscripts ',' subscript              { $$ = ast_append($1, $3); }
subscript: value                          { $$ = ast_index_at(A, @$, $1); }
  | opt_value ':' opt_value               { $$ = ast_slice(A, @$, $1, $3, NULL); }
  | opt_value ':' opt_value ':' opt_value { $$ = ast_slice(A, @$, $1, $3, $5); }
opt_value: %empty                         { $$ = NULL; }
  | value
%%

static int yyreport_syntax_error(const yypcontext_t *context, Filter *f) {
  yysymbol_kind_t kinds[YYNTOKENS];
  const char *expected[YYNTOKENS];
  int n = yypcontext_expected_tokens(context, kinds, YYNTOKENS);
  for (int i = 0; i < n; i++) expected[i] = yysymbol_name(kinds[i]);
  syntax_error(f, expected, n);
  filter_failed(f);
  return 0;
}
