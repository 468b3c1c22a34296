/**
 * The passwords people choose most and attackers try first, of eight characters and more, in lower case: keyboard
 * walks, digits, names, teams, bands, and words with a digit or a year behind them, in several languages. Each occurs
 * in published counts of leaked passwords. Some are coarse, because what people choose is.
 */
export const COMMON_PASSWORDS: ReadonlySet<string> = new Set(
  `
!qaz2wsx 01012010 01012011 10203040 1020304050 102030405060 11111111 11112222 11223344 1122334455
112233445566 12131415 12312312 12332112 123321123 12344321 12345432 123454321 1234554321 12345600 123456123
123456654321 12345677 12345678 123456789 1234567890 12345678900 1234567890a 1234567890q 1234567891
12345678910 1234567899 123456789a 123456789abc 123456789q 123456789z 12345678a 12345678q 12345679 1234567a
1234567q 12345687 123456aa 123456ab 123456abc 123456asd 123456qw 123456qwe 123456qwerty 12345abc 12345asd
12345qwe 12345qwert 1234abcd 1234qwer 1234qwerasdf 123654789 12369874 123698745 123789456 123qwe123
123qweasd 123qweasdzxc 123qwerty 13579246 135792468 1357924680 14725836 147258369 147852369 14789632
147896325 159753456 1a2b3c4d 1a2b3c4d5e 1a2s3d4f 1passwor 1password 1q2w3e4r 1q2w3e4r5t 1q2w3e4r5t6y
1qaz!qaz 1qaz2wsx 1qaz2wsx3edc 1qaz@wsx 1qazxsw2 1qw23er4 1qwerty1 1qwertyu 1z2x3c4v 24681357 25802580
2wsx3edc 31415926 314159265 321654987 369258147 456123789 456789123 55667788 74108520 741258963 741852963
78945612 789456123 963258741 963852741 987456321 99887766 a1234567 a12345678 a123456789 a1b2c3d4 a1b2c3d4e5
a1s2d3f4 aa123456 aa12345678 aabbccdd ab123456 abc12345 abc123456 abc123abc abcd1234 abcd12345 abcdef123
abcdefg1 abdullah abracadabra access14 access99 achilles adgangskode admin123 admin123456 admin@123
administrator administrator1 adventure aerosmith agnieszka airborne aircraft airforce airplane alabama1
alejandra alejandro aleksandr aleksandra alessandro alex1234 alex1990 alex2000 alexander alexander1
alexandra alexandre alligator alskdjfhg amanda11 amanda12 amanda69 america1 amoremio anastasia andrew12
angel123 angel666 angel777 angelica angelina anthony1 anthony2 anthony7 antonio1 anything apocalypse
apple123 aragorn1 argentina armageddon arschloch arsenal1 arsenal2 arsenalfc asd12345 asd123456 asd123asd
asdasd123 asdf1234 asdfasdf asdfg123 asdfg12345 asdfgh01 asdfgh12 asdfgh123 asdfghjk asdfghjkl asdfghjkl1
asdfjkl; asdfzxcv asdqwe123 ashley12 assassin assassins asshole1 asshole2 assholes atlanta1 atlantic
atlantis austin12 austin316 australia aviation azerty123 azertyuiop babyblue babycakes babydoll babyface
babygirl babygirl1 babylove bandit12 barbara1 barcelona baseball baseball1 basketball bassfish bassman1
batman01 batman12 batman69 batman99 battlefield beachbum beatles1 beatrice beautiful beckham7 beethoven
benjamin bernard1 besiktas bestfriend bethany1 bigboobs bigdaddy bigdick1 bigtits1 birthday birthday1
bismillah bitch123 bitchass black123 blackbelt blackberry blackbird blackcat blackdog blackhawk blackjack
blackman blackops blackout blackrose blahblah blessed1 blessing blink182 blizzard blowfish blue1234 bluebell
blueberry bluebird blueeyes bluemoon borussia bradley1 brandon1 brandon2 braveheart brianna1 britney1
brittany broncos1 broncos7 brooklyn brother1 brothers budweiser bulldog1 bulldogs bullshit bumblebee
business buster01 buster11 buster12 butterfly cadillac california callofduty cameron1 cannabis captain1
cardinal cardinals carebear carlitos carnival carolina caroline carpenter cartoons cassandra catherine
catwoman cavalier celticfc celtics1 chainsaw challenger champagne champion champions chandler changeit
changeme changeme123 charger1 chargers charles1 charlie1 charlie123 charlie2 charlie3 charlie7 charlotte
charming cheese12 cheesecake chelsea1 chelsea2 chelseafc cherokee cherries chester1 chevelle chevrolet
chevys10 cheyenne chicago1 chicken1 chickens children chiquita chocolat chocolate chocolate1 christian
christina christine christmas christopher churchill cinderella cinnamon clarinet classics clifford clitoris
cocacola cocksucker coldplay college1 colombia colorado columbia columbus commander commando compaq12
computer computer1 concrete constant cookie12 cookies1 cooldude coolness corvette cosworth counterstrike
country1 courtney courtney1 cowboys1 cowboys2 crazy123 crazyman creation creative cricket1 cristian
cristiano cristina crocodile crusader crystal1 cupcake1 cutiepie cyclones cynthia1 daddy123 daisy123
daisymae daniel12 daniel123 daniela1 danielle daredevil darkangel darkness darkside darthvader database
daughter david123 deadpool death123 deathnote deborah1 december defender delaware delpiero demon666 derparol
desperado destiny1 detroit1 deutschland devil666 devildog diamond1 diamonds dickhead director discover
discovery division dodgeram dogfight doghouse dolphin1 dolphins dominic1 dominique doorknob doraemon
dortmund douglas1 download dragon00 dragon01 dragon10 dragon11 dragon12 dragon123 dragon13 dragon21 dragon22
dragon23 dragon69 dragon88 dragon99 dragonball dragonballz dragonfly dragons1 dragster dreamer1 dreamers
dreaming drowssap drumline drummer1 dutchess dynamite earnhardt eatpussy eclipse1 edward12 einstein
ekaterina electric electron elephant elizabeth elizabeth1 emerald1 emmanuel emmitt22 engineer england1
enternow enterprise entrance envision ericsson escalade estrella eternal1 eternity ethernet evanescence
evangelion everlast everquest everton1 everything evolution excalibur exchange explorer extreme1 fabregas
facebook facebook123 faithful falcons1 familyguy fastball feathers february fenerbahce fernanda fernandez
fernando ferrari1 ferrari2 ferrari3 feyenoord finalfantasy firebird firefighter fireman1 firewall fishbone
fisherman fishing1 flamingo flash123 flipmode florence florida1 flowers1 football football1 football2020
fordf150 foreplay forever1 forsaken fortnite fountain francesca francesco francis1 francisco franklin
freckles frederic frederick freebird freedom1 freedom2 freedom3 freedom7 friday13 friends1 friendship
friendster fuckface fuckme69 fuckoff1 fuckyou1 fuckyou123 fuckyou2 fuckyou69 fuckyou7 fullmoon gabriel1
gabriela gabrielle galatasaray gamecock gamecube gameover gandalf1 gangbang gangsta1 gangster gardenia
garfield garrison gateway1 gateway2 generals generation genesis1 george01 george12 geraldine germany1
geronimo gigabyte gilberto gilligan ginger12 giovanni giuseppe gladiator godbless godfather godisgood
godzilla goldberg goldeney goldeneye goldfinger goldfish goldmine goldstar golfball gonzalez goodlife
goodluck goodtimes goofball google12 google123 gorgeous graphics grateful greatone green123 greenbay
greenday greendog greentea gregory1 gretchen griffin1 griffith grizzly1 guardian guinness gunslinger
gunsmoke halflife halflife2 hallo123 halloween hamburg1 hamilton hamster1 hannibal happiness happy123
happyday happydays happyman happyone hardcore hardcore1 hardrock hardware harley01 harley11 harley12
harrypotter haslo123 hatfield hawaii50 hawkeye1 hawkeyes headache heather1 heather2 heavenly hedgehog
heineken hellfire hello123 hello1234 hellokitty helloworld hellyeah hercules heritage hermione hernandez
heslo123 highbury highland highlander hillside hitman47 hockey12 hockey99 hogwarts holiday1 holidays
hollywood homepage homer123 honeybee hongkong honolulu hooters1 hopeless horseman hotstuff housewife
houston1 hunter01 hunter11 hunter12 hunter123 hunting1 hurricane huskers1 icecream icehouse idontknow
ihateyou ilovegod iloveher ilovehim iloveyou iloveyou! iloveyou1 iloveyou123 iloveyou2 immortal imperial
imtheman india123 indiana1 indonesia infantry inferno1 infiniti infinity innocent insanity instagram1
internet internet1 intrepid intruder inuyasha invictus ireland1 ironmaiden ironman1 isabella isabelle
islander iverson3 jackson1 jackson2 jackson5 jamaica1 jamesbond jamesbond007 january1 jasmine1 jeepster
jefferson jeffrey1 jennifer jennifer1 jeremiah jessica1 jessica2 jesus123 jesus777 jesuschrist jiujitsu
johannes johncena johndeer johndeere johnson1 joker123 jonathan jonathan1 jordan12 jordan23 josephine
joshua12 juggernaut julianna jupiter1 justice1 justin12 justinbieber juventus katherine kathleen kawasaki
kennedy1 kenneth1 kenworth keyboard keystone killer12 killer123 killer666 kimberly kingfish kingkong
kingsize kingston kitty123 kittycat kittykat knuckles kochanie krasotka kristen1 kristina kristine labrador
lakers24 lakeside lakewood lamborghini landmark landrover laracroft lasvegas laughing lavalamp lavender
lawrence leagueoflegends lebron23 ledzeppelin lemonade leonard1 leonardo letmein1 letmein123 letmein2
letmein22 letmein7 letmeinnow letsdoit libertad liberty1 lifetime lighthouse lightning limpbizkit lincoln1
linkedin123 liverpool liverpool1 logitech lokomotiv lollipop london11 london12 london22 london99 lonestar
lonewolf longhair longhorn longhorns losangeles lovebird loveless lovelife loverboy loveyou1 loveyou2
lucifer1 lucky123 lucky777 luckydog luckyone ludacris macdaddy machines macintosh madeline madhouse madison1
madonna1 magazine magellan maggie11 magic123 magician magnolia mahalkita malaysia manager1 manchester
mandarin manhattan manunited maradona marathon margaret margarita maria123 marianne marigold marijuan
marijuana marines1 marino13 mariposa marlboro marriage marseille marshall martin12 martinez maserati
master01 master11 master12 master123 master22 master69 master99 masterchief masterkey mastermind matthew1
matthew2 matthew7 maverick maxwell1 mazda626 mazdarx7 meatball meatloaf medicine megabyte megadeth megamanx
megapass megatron melissa1 melissa2 mephisto mercedes mercury1 metalgear metalica metallica metallica1
michael1 michael2 michael3 michael7 michelle michelle1 michigan mickeymouse microsoft midnight midnight1
military millenium millennium millwall minecraft minecraft1 minimoni minnesota minotaur missouri mistress
mitchell mitsubishi mnbvcxz1 mohammad mohammed mollydog money123 mongolia mongoose monkey01 monkey10
monkey11 monkey12 monkey123 monkey13 monkey22 monkey69 monkey77 monkey99 monkeyman monopoly monster1
monster2 monsters montana1 montreal moonbeam moonlight moonshine morpheus mortgage motdepasse motherfucker
motherlode motocross motorola mountain muhammad mushroom music123 musicman mustang1 mustang2 mustang3
mustang7 mustangs myfamily mypassword mysecret myspace1 mystical napoleon naruto12 naruto123 nascar24
nascar88 natalie1 natasha1 nathalie nathaniel nautilus navigator nebraska network1 nevermind newcastl
newcastle newhouse newjersey newlife1 newpassword newport1 newworld newyork1 nicholas nicholas1 nighthawk
nightmare nineinch nineteen nintendo nirvana1 nokia123 nonsense nopassword nostromo notebook nothing1
november oakland1 october1 october2 odysseus oklahoma oldschool olivetti omsairam onepiece opensesame
orange12 orange77 oscar123 overkill overlord p4ssw0rd p@$$w0rd p@55w0rd p@ssw0rd p@ssw0rd1 p@ssw0rd123
pa$$w0rd pa55w0rd pa55word pacific1 packers1 painting pakistan paladin1 palestine palmtree panasonic
pantera1 panther1 panthers papillon paradise paranoid pass1234 passion1 passmaster passport passthie
passw0rd password password! password0 password01 password1 password1! password11 password12 password123
password123! password1234 password13 password2 password3 password4 password5 password6 password69 password7
password9 password99 password? passwords passwort passwort1 pathfinder patience patricia patricio patrick1
patrick2 patrick7 patriot1 patriots peaches1 peaches2 pearljam pegasus1 penguin1 penguins pentagon pentium4
pepper12 pepsi123 perfect1 personal peterbilt peterpan phantom1 phillies phillip1 phoenix1 phoenix2 picasso1
pictures pikachu1 pilot123 pineapple pinkfloyd pipeline pitchers pizza123 platinum platypus playball
playboy1 player69 playgirl playstation playtime pleasure plymouth poiuytrewq pokemon1 pokemon12 pokemon123
police22 poohbear poontang poopface poophead popcorn1 porkchop porsche1 porsche9 porsche911 portland
portugal poseidon positive powerful powerman predator president prestige prettygirl princesa princess
princess1 princeton private1 prodigy1 professor progress prophecy provider prudence pumpkin1 punisher
punkrock puppydog purple12 pussy123 pussycat pussyeater pyramids q1234567 q12345678 q123456789 q1w2e3r4
q1w2e3r4t5 q1w2e3r4t5y6 q2w3e4r5 qaz12345 qazwsx12 qazwsx123 qazwsxedc qazwsxedcrfv qazxsw123 qazxswedc
qq123456 quality1 quicksilver qwaszx12 qwe123qwe qweasd123 qweasdzx qweasdzxc qwer1234 qwerasdf qwert123
qwert12345 qwertasdfg qwerty00 qwerty11 qwerty12 qwerty123 qwerty1234 qwerty12345 qwerty123456 qwerty13
qwerty21 qwerty22 qwerty77 qwerty777 qwerty78 qwerty99 qwertyu1 qwertyui qwertyuiop qwertyuiop1
qwertyuiop123 qwertz123 qwertzui qwertzuiop radiator radiohead raiders1 railroad rainbow1 rainbows rainyday
rammstein ranger01 ranger11 ranger21 ranger99 rangers1 rasputin rastaman raymond1 realmadrid rebecca1
red12345 redalert redbaron redheads redlight redneck1 redskins redsox04 redwing1 redwings remember remington
republic research resident revolution reynolds rhapsody richard1 richard2 richmond riverside roadkill
roadking roadrunner roadster robert12 roberto1 robinson roblox123 robotech rochelle rockford rocknroll
rockstar rocky123 rodriguez ronaldinho ronaldo1 ronaldo7 ronaldo9 rooster1 rosebud1 rosemary rosewood
runescape russell1 sabotage sabrina1 sailboat sailing1 sailormoon salasana salvation salvatore samantha
samantha1 samsung1 samsung123 samsung2 samurai1 sandiego sandman1 sandwich santiago sapphire saratoga
satan666 satellite saturday savannah sayangku scarface scarlett schumacher scooby12 scoobydo scoobydoo
scooter1 scooter2 scorpio1 scorpion scotland scott123 scottish scrabble seagulls seahawks seattle1 sebastian
secret12 secret123 security seminole senha123 senha1234 sentinel septembe september serenity sergeant
sexybitch sexygirl sexylady sexymama shadow01 shadow11 shadow12 shadow123 shadow13 shadow69 shadow99
shamrock shanghai shannon1 shepherd sherlock shitface shithead shithole shooter1 shooting shotgun1 showboat
showtime sidekick siemens1 sigmachi silencer silicone silver12 silverado simpsons sinclair singapore
skateboard skeeter1 skydiver skyline1 skywalker slapshot slipknot slipknot1 slipknot666 slippery smackdown
smashing smeghead smile123 smirnoff smithers smoke420 smoothie snapper1 snickers sniffing snoopdog snoopdogg
snowball snowbird snowboard snowflake snowman1 snuggles soccer10 soccer11 soccer12 soccer13 soccer14
soccer15 soccer17 soccer22 socrates softball software soldier1 solnishko solution somebody something
sonic123 sonyericsson sorcerer southern southpark southside spaceman spanking sparky12 spartan1 spartan117
spartans speakers spectrum speedway spencer1 spider12 spiderman spiderman1 spitfire splinter spongebob
sporting squirrel srinivas stafford stallion standard stanford stanley1 starbuck starbucks starcraft
stardust starfire starfish stargate starlight starship startrek starwars starwars1 steelers steelers1
steelman stephane stephani stephanie stephen1 sterling stickman stinger1 stingray stonecold stonewall
straight stranger strangle strawberry strength stripper student1 students stuttgart sublime1 submarine
suckcock suckdick suckmydick suicidal sullivan summer01 summer10 summer11 summer12 summer2020 summer2021
summer2022 summer69 summer99 summertime sunderland sunflower sunnyboy sunnyday sunrise1 sunshine sunshine1
superboy superfly supergirl superior superman superman1 superman2 supernatural supernova supersonic
superstar surfing1 surprise survivor svetlana sweetheart sweetie1 sweetness sweetpea swimming swordfish
symphony syracuse system32 tacobell talisman tarheels tasmania taylor12 teacher1 teddybear telecast telephon
telephone temp1234 temporary temppass tennessee tennis12 tequiero tequila1 teresita terminator test1234
test123456 testing1 testing123 testpass thailand thegreat themaster thematrix theodore theresa1 therock1
thetruth thinking thirteen thomas01 thomas12 thomas123 thompson thuglife thumbnils thunder1 thunder2
thunder7 thunderb thunderbird thurston tiffany1 tiger123 tigercat tigerman tigger01 tigger12 tigger69
timothy1 tinkerbell titanium titleist together tomahawk tomatoes tomorrow topsecret toriamos tornado1
toronto1 tortoise toshiba1 tottenham touchdown touching training transfer transformers transport traveler
treasure treefrog triangle trigger1 trinity1 tristan1 triumph1 trojans1 trombone trooper1 tropical trucker1
truckers trucking truelove truffles trumpet1 trustno1 trustnoone twilight tyler123 ultimate umbrella
underdog underground undertaker undertow underworld unforgiven unicorn1 universal universe unlimited
username vacation valentin valentina valentine valerie1 valhalla vampire1 vampires vanessa1 vauxhall
vendetta verbatim verizon1 veronica victoria victoria1 victory1 viewsonic vikings1 vincent1 viper123
virginia vladimir vodafone volkswagen volleyball voltaire voyager1 wachtwoord warcraft warcraft1 warrior1
warrior2 warriors washington watching waterboy waterfall waterloo waterman watermelon webmaster webster1
welcome1 welcome12 welcome123 welcome2 welcome2020 welcome2021 welcome2022 welcome2023 wellington werewolf
westham1 westside westwood wetpussy whatever whatever1 whatsapp whiskey1 whiteboy whiteout wildbill wildcat1
wildcats wildfire william1 william2 william3 williams winchester windmill windows1 windsurf winfield
winston1 winter01 winter12 winter2020 winter2021 winter2022 winter99 wireless wolverine wonderboy woodland
woodstock woodwork worldcup wrangler wrestler wrestling wrinkles yankees1 yankees2 yesterday yogibear
z123456789 z1x2c3v4 zachary1 zaq12wsx zaq1xsw2 zaqwsxcde zaqxswcde zeppelin zidane10 zildjian zxcasdqwe
zxcv1234 zxcvb12345 zxcvbn12 zxcvbn123 zxcvbnm1 zxcvbnm12 zxcvbnm123 zxcvbnmm
`
    .trim()
    .split(/\s+/),
)
